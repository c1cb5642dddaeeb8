"""Which of the stored records are meant."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from medie_fhir.model import ExtractionRecord, Json

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters; empty ones let all through, and each that is given must let a record through.

    ``patients`` and ``documents`` are references as the events gave them, or ``system|value`` of an identifier.
    ``fields``: documents of which a fact of any of these was read. ``since`` and ``until`` (both included) are of the
    note's date, or where it has none of its version's, or of its reading. ``made_by``: a mapping that the server's
    Provenances of the document name, as ``name``, ``name@version`` or the whole label.
    """

    patients: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    since: date | None = None
    until: date | None = None
    made_by: str | None = None

    @property
    def told(self) -> tuple[object, ...]:
        """All of it, in the same words in every process."""
        chosen = (sorted(names) for names in (self.patients, self.documents, self.fields))
        return (*chosen, str(self.since), str(self.until), self.made_by)

    def takes(self, record: ExtractionRecord) -> bool:
        """Whether a record is meant, as far as it tells itself."""
        document = record.document
        return (
            (not self.patients or not self.patients.isdisjoint(_names(document.subject)))
            and (not self.documents or not self.documents.isdisjoint({document.reference, document.key}))
            and (not self.fields or any(f.field in self.fields for r in record.readings for f in r.facts))
            and (self.since is None or _day(record) >= self.since.isoformat())
            and (self.until is None or _day(record) <= self.until.isoformat())
        )

    def takes_work_of(self, mappings: Collection[str]) -> bool:
        """Whether a document is meant that these mappings have written."""
        wanted = self.made_by
        return wanted is None or any(
            label == wanted or label.startswith((f"{wanted}@", f"{wanted}#")) for label in mappings
        )


def _names(subject: Json | None) -> set[str]:
    given = subject or {}
    identifier = given.get("identifier") or {}
    return {given.get("reference", ""), f"{identifier.get('system') or ''}|{identifier.get('value') or ''}"} - {"", "|"}


def _day(record: ExtractionRecord) -> str:
    """The day, or the month or year where no more is known; as text they compare as they should."""
    document = record.document
    return (document.date or document.version.last_updated or record.produced.at)[: len("2026-01-01")]
