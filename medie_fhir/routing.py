"""Which task reads a note: the first route that fits it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from medie_fhir.model import Json, NoteEvent

__all__ = ["Fit", "chosen"]

_ALL: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fit:
    """What a route asks of a note: of each kind that is not empty, one of these. ``task``: the task's name.

    Codes are ``system|code`` or a code alone; people and organizations are references or ``system|value``.
    """

    task: str
    types: Collection[str] = _ALL
    categories: Collection[str] = _ALL
    practice_settings: Collection[str] = _ALL
    authors: Collection[str] = _ALL
    patients: Collection[str] = field(default=_ALL, repr=False)

    def takes(self, event: NoteEvent) -> bool:
        """Whether the note is one of these."""
        document = event.document
        asked = (
            (self.types, _codes([document.type])),
            (self.categories, _codes(document.category)),
            (self.practice_settings, _codes([event.practice_setting])),
            (self.authors, _names(document.author)),
            (self.patients, _names([document.subject])),
        )
        return all(not wanted or any(name in wanted for name in names) for wanted, names in asked)


def chosen(fits: Sequence[Fit], event: NoteEvent) -> str | None:
    """The task of the first route that takes the note; None where none does."""
    return next((fit.task for fit in fits if fit.takes(event)), None)


def _codes(concepts: Iterable[Json | None]) -> list[str]:
    codings = [c for concept in concepts if concept for c in concept.get("coding", ()) if c.get("code")]
    return [name for c in codings for name in (c["code"], f"{c.get('system', '')}|{c['code']}")]


def _names(references: Iterable[Json | None]) -> list[str]:
    """A reference as it is, and without a server's address before it."""
    found: list[str] = []
    for reference in filter(None, references):
        if literal := reference.get("reference"):
            found += [literal, "/".join(literal.split("/")[-2:])]
        if (identifier := reference.get("identifier")) and identifier.get("value"):
            found.append(f"{identifier.get('system', '')}|{identifier['value']}")
    return found
