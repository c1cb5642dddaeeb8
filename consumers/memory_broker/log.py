"""The records of one partition, in their order."""

from __future__ import annotations

from consumers.broker import Headers, Message, TopicPartition

__all__ = ["PartitionLog"]


class PartitionLog:
    """``records`` begin at offset ``start`` and have no gaps. Not thread-safe: the broker's lock guards it."""

    def __init__(self, place: TopicPartition) -> None:
        self.place = place
        self.records: list[Message] = []
        self.start = 0

    @property
    def end(self) -> int:
        """The offset of the record that will be written next."""
        return self.start + len(self.records)

    def append(self, key: bytes | None, value: bytes | None, headers: Headers, at_ms: int) -> Message:
        """Write a record."""
        message = Message(*self.place, self.end, key, value, headers, at_ms)
        self.records.append(message)
        return message

    def read(self, offset: int, count: int) -> list[Message]:
        """At most so many records from this offset on, which must not be before the start."""
        first = offset - self.start
        return self.records[first : first + count]

    def since(self, at_ms: int | None) -> list[Message]:
        """The records from the first on whose time is not before this one; all, without a time."""
        first = 0 if at_ms is None else next((i for i, m in enumerate(self.records) if m.timestamp_ms >= at_ms), None)
        return [] if first is None else self.records[first:]

    def delete_before(self, offset: int) -> None:
        """Forget the records before this offset, as retention does."""
        offset = min(max(offset, self.start), self.end)
        del self.records[: offset - self.start]
        self.start = offset
