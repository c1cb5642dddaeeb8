"""What a remap came to: documents, and their resources by field and by what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from medie_fhir.drafting import Published
from medie_fhir.transaction import ChangeKind

__all__ = ["CHANGES", "OUTCOMES", "Failed", "RemapReport"]

CHANGES: tuple[ChangeKind, ...] = ("created", "updated", "unchanged", "retracted", "kept")
OUTCOMES = ("written", "retracted", "unchanged", "empty", "stale", "failed")
_UUID = 36  # characters of an id of ours; a further resource of the same fact has a number behind it


class Failed(NamedTuple):
    """A document that could not be done. ``error`` is a class's name; the message holds no patient's data."""

    document: str
    error: str
    message: str


class RemapReport:
    """Counts; ``resources`` by (field, change). A resource whose field isn't known stands under its type."""

    def __init__(self) -> None:
        self.documents: Counter[str] = Counter()
        self.resources: Counter[tuple[str, str]] = Counter()
        self.failed: list[Failed] = []

    @property
    def done(self) -> int:
        """Documents that were looked at."""
        return self.documents.total()

    def published(self, published: Published, fields: Mapping[str, str]) -> None:
        """A document is done; ``fields`` by fact's id."""
        self.documents[published.outcome] += 1
        for place, kind in published.changes:
            resource_type, resource_id = place.split("/", 1)
            self.resources[fields.get(resource_id[:_UUID], resource_type), kind] += 1

    def failure(self, failed: Failed) -> None:
        """A document could not be done."""
        self.documents["failed"] += 1
        self.failed.append(failed)

    def to_json(self) -> dict[str, Any]:
        """As JSON: ``documents`` by outcome, ``resources`` by field and change, ``failed``."""
        resources: dict[str, dict[str, int]] = {}
        for (field, kind), count in sorted(self.resources.items()):
            resources.setdefault(field, {})[kind] = count
        return {
            "documents": {name: count for name in OUTCOMES if (count := self.documents[name])},
            "resources": resources,
            "failed": [failed._asdict() for failed in self.failed],
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> RemapReport:
        """What ``to_json`` gave."""
        report = cls()
        report.documents.update(told["documents"])
        report.resources.update({(f, kind): n for f, kinds in told["resources"].items() for kind, n in kinds.items()})
        report.failed += [Failed(**failed) for failed in told["failed"]]
        return report
