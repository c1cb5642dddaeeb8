"""Which version of a document, and which of two is the older."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Self

from medie_fhir.model.json_object import Frozen

__all__ = ["DocumentVersion"]


class DocumentVersion(Frozen):
    """Which version of a document an event or record speaks of: ``meta.versionId`` and ``meta.lastUpdated``.

    Where the sender gives neither ``lastUpdated`` nor a number, the DocumentReference's ``date`` stands in; for a
    deletion, the Kafka record's time. ``last_updated`` is an ISO 8601 instant, or a day.
    """

    version_id: str | None = None
    last_updated: str | None = None

    @property
    def number(self) -> int | None:
        """``version_id``, where it is a number."""
        text = self.version_id
        return int(text) if text and text.isascii() and text.isdigit() else None

    def later(self, by: timedelta) -> Self:
        """This version, as if it were of a later time; itself where it has none."""
        span = _span(self.last_updated)
        return self.model_copy(update={"last_updated": _moved(span[1], by).isoformat()}) if span else self

    def older_than(self, other: Self) -> bool:
        """Whether this version is known to be older than ``other``; what can't be told is not older.

        Times decide, and numbers only between versions of the same time or of none: so this is a strict partial order
        whatever senders send (docs/adr/0011). A bare day is a day in an unknown time zone: it can't be told from an
        instant within it.
        """
        mine, theirs = _span(self.last_updated), _span(other.last_updated)
        if mine == theirs:
            one, another = self.number, other.number
            return one is not None and another is not None and one < another
        if mine is None or theirs is None:
            return False
        if mine[0] < mine[1] and theirs[0] < theirs[1]:  # two days
            return mine < theirs
        return mine[1] < theirs[0]


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
    if len(text) > len("2026-01-31"):
        return moment, moment
    return _moved(moment, -timedelta(hours=14)), _moved(moment, timedelta(hours=24 + 12))  # from UTC+14 to UTC-12


def _moved(moment: datetime, by: timedelta) -> datetime:
    """A moment later by so much, or the last (the first) that there is."""
    try:
        return moment + by
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if by > timedelta() else datetime.min.replace(tzinfo=UTC)
