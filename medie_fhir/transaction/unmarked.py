"""Documents of which the newest version said nothing, and nothing was written: kept in mind, not on the server.

Most notes of a hospital are such, and a mark of each would bury the server (docs/adr/0005). But an older version may
come just after the newer: from a second topic, by a producer that sends again. As long as the process lives, and for
so many documents, it is then known to be stale.
"""

from __future__ import annotations

from collections import OrderedDict

from medie_fhir.model import DocumentVersion, ExtractionRecord
from medie_fhir.transaction.identity import document_id
from medie_fhir.transaction.standing import Standing, version_of

__all__ = ["Unmarked"]


class Unmarked:
    """The newest versions of the last documents that left no mark: some 400 bytes each.

    Of a document the newest with a time and the newest without one, for those can't be compared (docs/adr/0011).
    """

    def __init__(self, capacity: int = 50_000) -> None:
        self._capacity = capacity
        self._versions: OrderedDict[tuple[str, bool], tuple[str | None, str | None]] = OrderedDict()

    def outdates(self, record: ExtractionRecord, standing: Standing) -> bool:
        """Whether a newer version than the record's was empty; or this very one was, and what stands came after it."""
        version, known = record.document.version, self._known(record)
        is_echo = version in known and standing.is_known and version not in map(version_of, standing.provenances)
        return is_echo or any(map(version.older_than, known))

    def remember(self, record: ExtractionRecord) -> None:
        """Keep in mind that the record's version said nothing; what was longest unheard of is forgotten."""
        version = record.document.version
        key = (document_id(record.document), version.last_updated is None)
        self._versions[key] = (version.version_id, version.last_updated)
        self._versions.move_to_end(key)
        if len(self._versions) > self._capacity:
            self._versions.popitem(last=False)

    def _known(self, record: ExtractionRecord) -> list[DocumentVersion]:
        kept = (self._versions.get((document_id(record.document), timeless)) for timeless in (True, False))
        return [DocumentVersion(version_id=each[0], last_updated=each[1]) for each in kept if each]
