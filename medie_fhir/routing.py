"""Which tasks read a note: the first route that fits it, and before it those that read it as well. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from medie_fhir.model import Json, NoteEvent

__all__ = ["Fit", "readers"]

_ALL: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fit:
    """What a route asks of a note: of each kind that is not empty, one of these. ``task``: the task's name.

    ``also``: its task reads the note besides, and what follows may take it too.
    Codes are ``system|code`` or a code alone; people and organizations are references or ``system|value``.
    """

    task: str
    also: bool = False
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


def readers(fits: Sequence[Fit], event: NoteEvent) -> tuple[str | None, ...]:
    """The tasks that read a note: the one that takes it (None where no route does), then those that read it as well."""
    also: list[str] = []
    for fit in fits:
        if fit.takes(event):
            if not fit.also:
                return (fit.task, *also)
            also.append(fit.task)
    return (None, *also)


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
