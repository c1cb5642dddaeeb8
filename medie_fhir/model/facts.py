"""What a reader saw in a note, and what is known of it once it is grounded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from medie_fhir.model.json_object import Frozen
from medie_fhir.model.text import Span

__all__ = ["Alignment", "Assertion", "Evidence", "Experiencer", "Fact", "RawValue", "Sighting"]


@dataclass(frozen=True, slots=True)
class RawValue:
    """One value that a reader saw, before grounding. ``window`` is the stretch of the text that the reader was given.

    ``confidence`` is in 0–1, or None where the reader gives none.
    """

    field: str
    value: str
    window: Span
    reader: str
    confidence: float | None = None


class Alignment(StrEnum):
    """How a value was found in the note, from the best to none."""

    EXACT = "exact"
    NORMALISED = "normalised"  # but for case, white space, hyphens, Unicode forms
    FUZZY = "fuzzy"  # words in another order or inflection, or a typing error; never another number or polarity
    CONCEPT = "concept"  # by a synonym of the terminology tables
    NONE = "none"


class Assertion(StrEnum):
    """What the note says of a value (ConText; Harkema et al. 2009), most assertive first."""

    PRESENT = "present"
    HISTORICAL = "historical"
    PLANNED = "planned"
    POSSIBLE = "possible"
    ABSENT = "absent"


class Experiencer(StrEnum):
    """Of whom the note says it."""

    PATIENT = "patient"
    FAMILY = "family"
    OTHER = "other"


class Evidence(Frozen):
    """Where in the source text a value stands: ``source[start:end] == text``."""

    start: int = Field(ge=0)
    end: int = Field(gt=0)
    text: str
    section: str | None = None


class Sighting(Frozen):
    """What one reader gave for a fact: its words, and its own confidence, before calibration."""

    reader: str
    value: str
    confidence: float | None = Field(default=None, ge=0, le=1)


class Fact(Frozen):
    """One value of one field, grounded (or not) in the note. ``group`` joins the facts of one tumour.

    ``confidence``: the probability that it is right where the task has a calibration, else the surest reader's own.
    """

    field: str
    value: str
    evidence: tuple[Evidence, ...] = ()
    alignment: Alignment
    assertion: Assertion = Assertion.PRESENT
    experiencer: Experiencer = Experiencer.PATIENT
    confidence: float | None = Field(default=None, ge=0, le=1)
    readers: tuple[str, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    group: int | None = None

    def own_confidence(self, reader: str | None = None) -> float | None:
        """A reader's own confidence, or the surest reader's; calibration may have made another of it.

        A record from before readers were told apart has but one.
        """
        of = [one for one in self.sightings if reader in (None, one.reader)]
        return max(
            (one.confidence for one in of if one.confidence is not None),
            default=None if self.sightings else self.confidence,
        )
