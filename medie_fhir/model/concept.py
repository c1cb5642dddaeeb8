"""What a fact means: its codes, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from medie_fhir.model.facts import Fact
from medie_fhir.model.json_object import Frozen, Json

__all__ = ["AIAST", "CodedFact", "Coding", "Concept"]

AIAST: Json = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
"""The security label on all that a model asserted (HL7 v3 ObservationValue)."""


class Coding(Frozen):
    """A FHIR Coding."""

    system: str
    code: str
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Concept:
    """What a value means: codes by role, or honestly text only.

    ``key`` is the meaning's identity, stable over releases of the tables: ``{system}|{code}`` of the main coding, or
    the normalised text. ``codings`` are by role; the role ``code`` is the main one, the others are the field's own
    (``body_site``, ``gene``, ``value``, ``category`` …, see docs/terminology.md). ``attributes`` hold what is no code:
    a quantity, an HGVS expression. ``row`` names the table row that was hit, ``match`` says how.
    """

    key: str
    codings: Mapping[str, tuple[Coding, ...]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    match: Literal["exact", "normalised", "synonym", "rule", "none"] = "none"
    row: str | None = None

    @property
    def main(self) -> Coding | None:
        """The first coding of the role ``code``."""
        codings = self.codings.get("code", ())
        return codings[0] if codings else None


@dataclass(frozen=True, slots=True)
class CodedFact:
    """A fact, what it means, the id of the resource it becomes, and whether policy lets it be written (and why not)."""

    fact: Fact
    concept: Concept
    id: str
    written: bool = True
    reason: str | None = None
