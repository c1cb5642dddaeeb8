"""Documents of which the newest version said nothing, and nothing was written: kept in mind, not on the server.

Most notes of a hospital are such, and a mark of each would bury the server (docs/adr/0005). But an older version may
come just after the newer: from a second topic, by a producer that sends again. As long as the process lives, and for
so many documents, it is then known to be stale.
"""

from __future__ import annotations

from collections import OrderedDict

from medie_fhir.model import DocumentVersion, ExtractionRecord, RetractionReason
from medie_fhir.transaction.identity import document_id

__all__ = ["Unmarked"]


class Unmarked:
    """The newest version, and the newest deletion, of the last documents that left no mark (some 400 bytes each).

    They are kept apart: a deletion has a time alone, and can't always be compared with a version.
    """

    def __init__(self, capacity: int = 50_000) -> None:
        self._capacity = capacity
        self._versions: OrderedDict[tuple[str, bool], tuple[str | None, str | None]] = OrderedDict()

    def outdates(self, record: ExtractionRecord) -> bool:
        """Whether a newer version than the record's was empty; or the record is a deletion that came before.

        What was written since then came after the deletion, whether or not the two can be compared.
        """
        version, deleted = record.document.version, self._kept(record, deletions=True)
        empty = (deleted, self._kept(record, deletions=False))
        again = record.reason is RetractionReason.DELETED and version == deleted
        return again or any(version.older_than(known) for known in empty if known)

    def remember(self, record: ExtractionRecord) -> None:
        """Keep in mind that the record's version said nothing; what was longest unheard of is forgotten."""
        version = record.document.version
        key = (document_id(record.document), record.reason is RetractionReason.DELETED)
        self._versions[key] = (version.version_id, version.last_updated)
        self._versions.move_to_end(key)
        if len(self._versions) > self._capacity:
            self._versions.popitem(last=False)

    def _kept(self, record: ExtractionRecord, *, deletions: bool) -> DocumentVersion | None:
        kept = self._versions.get((document_id(record.document), deletions))
        return DocumentVersion(version_id=kept[0], last_updated=kept[1]) if kept else None
