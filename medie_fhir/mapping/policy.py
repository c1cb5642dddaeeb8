"""Which facts may be written: the mapping's policy, field by field.

The default is strict: only what the note says of this patient, as present, where the value stands in the note.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from medie_fhir.model import Alignment, Assertion, Concept, Experiencer, Fact, Frozen

__all__ = ["FieldPolicy", "judge"]

_RANK = {a: rank for rank, a in enumerate(reversed(Alignment))}


class FieldPolicy(Frozen):
    """What a fact of one field must be to be written."""

    assertions: tuple[Assertion, ...] = Field(
        default=(Assertion.PRESENT,), min_length=1, description="What the note must say of the value."
    )
    experiencers: tuple[Experiencer, ...] = Field(
        default=(Experiencer.PATIENT,), min_length=1, description="Of whom the note must say it."
    )
    minimal_alignment: Alignment = Field(
        default=Alignment.FUZZY, description="How well the value must be found in the note, from exact to none."
    )
    minimal_confidence: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="The least confidence, a probability where both readers read; a value without one counts as 0.",
    )
    readers: tuple[Literal["lexicon", "model"], ...] = Field(
        default=(), description="Readers of which one must have seen it; empty: any."
    )
    uncoded: bool = Field(default=True, description="Whether a value that no table knows may be written, as text.")


def judge(fact: Fact, concept: Concept, policy: FieldPolicy) -> str | None:
    """Why a fact may not be written, in fixed words, or None where it may."""
    checks = (
        (fact.alignment is Alignment.NONE or not fact.evidence, "not found in the note"),
        (fact.experiencer not in policy.experiencers, f"said of {fact.experiencer}"),
        (fact.assertion not in policy.assertions, f"asserted {fact.assertion}"),
        (_RANK[fact.alignment] < _RANK[policy.minimal_alignment], f"alignment {fact.alignment}"),
        ((fact.confidence or 0.0) < policy.minimal_confidence, "confidence too low"),
        (bool(policy.readers) and not set(policy.readers) & set(fact.readers), "reader not trusted for this field"),
        (not policy.uncoded and concept.match == "none", "no table knows it"),
    )
    return next((reason for fails, reason in checks if fails), None)
