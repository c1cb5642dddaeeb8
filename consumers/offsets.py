"""Which offset may be committed: pure bookkeeping of what was polled and what is done.

Law: no offset is committed past a record that is not done. Records may be done in any order; the offset to commit is
the first that is not. Offsets may have gaps (compaction, transactions): what was never polled is never waited for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from operator import lt

from consumers.broker import TopicPartition

__all__ = ["Ledger", "PartitionTracker"]


class PartitionTracker:
    """One partition in one assignment. ``span_limit`` bounds what is remembered above the first unfinished record."""

    __slots__ = ("_batches", "_committed", "_next", "_order", "_span_limit", "_unfinished", "epoch")

    def __init__(self, epoch: int, span_limit: int) -> None:
        self.epoch = epoch
        self._span_limit = span_limit
        self._order: deque[int] = deque()  # offsets from the first unfinished record on, in order
        self._unfinished: set[int] = set()
        self._batches: deque[tuple[int, float]] = deque()  # of each poll that is not finished: last offset, time
        self._next: int | None = None
        self._committed: int | None = None

    def add(self, offsets: Sequence[int], at: float = 0.0) -> None:
        """Records were polled, at this time. Raises ValueError where they are out of order."""
        first, last = offsets[0], offsets[-1]
        if self._next is not None and first < self._next:
            raise ValueError(f"offset {first} after {self._next - 1}")
        if not all(map(lt, offsets, islice(offsets, 1, None))):
            raise ValueError(f"offsets from {first} on are not in order")
        if self._committed is None:
            self._committed = first  # where the group stands is where we began to read
        self._order.extend(offsets)
        self._unfinished.update(offsets)
        self._batches.append((last, at))
        self._next = last + 1

    def finish(self, offsets: Collection[int]) -> None:
        """Records are done. Raises KeyError where one was not polled, or is done already."""
        order, unfinished = self._order, self._unfinished
        left = len(unfinished) - len(offsets)
        unfinished.difference_update(offsets)
        if len(unfinished) != left:
            raise KeyError("a record was not polled, or is finished already")
        while order and order[0] not in unfinished:
            order.popleft()
        while self._batches and (not order or self._batches[0][0] < order[0]):
            self._batches.popleft()

    @property
    def watermark(self) -> int | None:
        """The offset that may be committed, or None before the first record."""
        return self._order[0] if self._order else self._next

    @property
    def position(self) -> int | None:
        """The offset after the last record that was polled."""
        return self._next

    @property
    def committed(self) -> int | None:
        """The offset that was last committed, or where we began to read."""
        return self._committed

    @property
    def oldest(self) -> float | None:
        """When the first unfinished record was polled."""
        return self._batches[0][1] if self._batches else None

    @property
    def unfinished(self) -> int:
        """How many records are not done."""
        return len(self._unfinished)

    @property
    def full(self) -> bool:
        """Whether so much waits behind an unfinished record that no more should be polled."""
        return len(self._order) >= self._span_limit

    @property
    def due(self) -> int | None:
        """The watermark, where it is past what was committed."""
        mark = self.watermark
        return mark if mark is not None and mark != self._committed else None

    def acknowledge(self, offset: int) -> None:
        """A commit of this offset is acknowledged; an older answer that comes late changes nothing."""
        self._committed = max(offset, self._committed or 0)


class Ledger:
    """The trackers of all partitions that are ours. What was polled in an earlier assignment counts for nothing."""

    def __init__(self, span_limit: int) -> None:
        self._span_limit = span_limit
        self._epoch = 0
        self._trackers: dict[TopicPartition, PartitionTracker] = {}

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """These are ours from now on, in a new epoch."""
        self._epoch += 1
        for partition in partitions:
            self._trackers[partition] = PartitionTracker(self._epoch, self._span_limit)

    def drop(self, partitions: Iterable[TopicPartition], epoch: int | None = None) -> None:
        """These are ours no more; with an ``epoch``, only where they were not assigned again after it."""
        for partition in partitions:
            tracker = self._trackers.get(partition)
            if tracker is not None and (epoch is None or tracker.epoch <= epoch):
                del self._trackers[partition]

    def accept(self, partition: TopicPartition, offsets: Sequence[int], at: float = 0.0) -> int:
        """Records were polled, at this time and in this order; the epoch they belong to."""
        tracker = self._trackers.get(partition)
        if tracker is None:
            self.assign([partition])
            tracker = self._trackers[partition]
        tracker.add(offsets, at)
        return tracker.epoch

    def finish(self, partition: TopicPartition, epoch: int, offsets: Collection[int]) -> bool:
        """Records are done; False where their epoch is over, and they count for nothing."""
        tracker = self._trackers.get(partition)
        if tracker is None or tracker.epoch != epoch:
            return False
        tracker.finish(offsets)
        return True

    def due(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """What is to be committed of these."""
        return {p: t.due for p in partitions if (t := self._trackers.get(p)) is not None and t.due is not None}

    def watermarks(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """What may be committed of these, committed already or not."""
        marks = {p: t.watermark for p in partitions if (t := self._trackers.get(p)) is not None}
        return {partition: mark for partition, mark in marks.items() if mark is not None}

    def acknowledge(self, offsets: dict[TopicPartition, int]) -> None:
        """A commit was acknowledged."""
        for partition, offset in offsets.items():
            if (tracker := self._trackers.get(partition)) is not None:
                tracker.acknowledge(offset)

    def unfinished(self, partition: TopicPartition) -> int:
        """How many records of this are not done."""
        tracker = self._trackers.get(partition)
        return tracker.unfinished if tracker is not None else 0

    def tracker(self, partition: TopicPartition) -> PartitionTracker | None:
        """What is known of a partition that is ours."""
        return self._trackers.get(partition)

    @property
    def epoch(self) -> int:
        """The latest epoch."""
        return self._epoch

    @property
    def full(self) -> frozenset[TopicPartition]:
        """The partitions of which no more should be polled for now."""
        return frozenset(p for p, tracker in self._trackers.items() if tracker.full)
