"""Which version of a document, and which of two is the older."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Self

from medie_fhir.model.json_object import Frozen

__all__ = ["DocumentVersion"]


class DocumentVersion(Frozen):
    """Which version of a document an event or record speaks of: ``meta.versionId`` and ``meta.lastUpdated``.

    Where the sender gives no ``lastUpdated``, its place is taken by the DocumentReference's ``date``; for a deletion,
    by the Kafka record's time. ``last_updated`` is an ISO 8601 instant.
    """

    version_id: str | None = None
    last_updated: str | None = None

    def later(self, by: timedelta) -> Self:
        """This version, as if it were of a later time; itself where it has none."""
        span = _span(self.last_updated)
        return self.model_copy(update={"last_updated": (span[1] + by).isoformat()}) if span else self

    def older_than(self, other: Self) -> bool:
        """Whether this version is known to be older than ``other``; what can't be told is not older.

        A bare day is a day in an unknown time zone: it can't be told from an instant within it.
        """
        mine, theirs = _span(self.last_updated), _span(other.last_updated)
        if mine and theirs and mine != theirs:
            both_days = _is_day(self.last_updated) and _is_day(other.last_updated)
            if both_days or mine[1] < theirs[0] or theirs[1] < mine[0]:
                return mine < theirs
        if _number(self.version_id) is not None and _number(other.version_id) is not None:
            return int(self.version_id or 0) < int(other.version_id or 0)
        return False


def _is_day(text: str | None) -> bool:
    return text is not None and len(text) == len("2026-01-31")


def _span(text: str | None) -> tuple[datetime, datetime] | None:
    """The first and last instant that a time may mean (UTC where an instant has no zone); None for what is none."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not _is_day(text):
        return moment, moment
    try:
        return moment - timedelta(hours=14), moment + timedelta(hours=24 + 12)  # from UTC+14 to UTC-12
    except OverflowError:
        return moment, moment


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
