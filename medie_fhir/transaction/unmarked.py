"""Documents of which the newest version said nothing, and nothing was written: kept in mind, not on the server.

Most notes of a hospital are such, and a mark of each would bury the server (docs/adr/0005). But an older version may
come just after the newer: from a second topic, by a producer that sends again. As long as the process lives, and for
so many documents, it is then known to be stale.
"""

from __future__ import annotations

from collections import OrderedDict

from medie_fhir.model import DocumentVersion, ExtractionRecord
from medie_fhir.transaction.identity import document_id

__all__ = ["Unmarked"]


class Unmarked:
    """The newest version of each of the last ``capacity`` documents that left no mark (some 400 bytes each)."""

    def __init__(self, capacity: int = 50_000) -> None:
        self._capacity = capacity
        self._versions: OrderedDict[str, tuple[str | None, str | None]] = OrderedDict()

    def outdates(self, record: ExtractionRecord) -> bool:
        """Whether a newer version than the record's was empty."""
        known = self._versions.get(document_id(record.document))
        if known is None:
            return False
        return record.document.version.older_than(DocumentVersion(version_id=known[0], last_updated=known[1]))

    def remember(self, record: ExtractionRecord) -> None:
        """Keep in mind that the record's version said nothing; the document longest unheard of is forgotten."""
        key, version = document_id(record.document), record.document.version
        self._versions[key] = (version.version_id, version.last_updated)
        self._versions.move_to_end(key)
        if len(self._versions) > self._capacity:
            self._versions.popitem(last=False)
