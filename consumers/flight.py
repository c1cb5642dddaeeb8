"""What is in flight, counted under one lock: shared by the consumer's thread, the work's thread and the broker's."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence, Set
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, Final

from consumers.broker import Message, TopicPartition
from consumers.lifecycle import Record, State
from consumers.monitor import LoopView
from consumers.offsets import Ledger
from consumers.watched import Watched

__all__ = ["Flight"]

Offsets = Mapping[TopicPartition, int]
Partitions = frozenset[TopicPartition]

_PLACE: Final = itemgetter(0, 1)  # of a message: its topic and partition
_ASSIGNMENT: Final = attrgetter("place", "epoch")  # of a record


class Flight:
    """The ledger of offsets, what is paused, and how much runs. Thread-safe.

    Holds back all partitions at ``most`` records or ``most_bytes`` in flight, until half of it is left.
    """

    def __init__(self, *, most: int, most_bytes: int, span_limit: int, now: float) -> None:
        self.watched = Watched(now)
        self._most, self._most_bytes = most, most_bytes
        self._changed = threading.Condition()
        self._ledger = Ledger(span_limit)
        self._records = self._bytes = 0
        self._completed = 0  # since the last commit
        self._paused: Partitions = frozenset()
        self._came: Partitions = frozenset()  # since the last throttle, which may have paused them before we were told
        self._full = False

    # --- records ----------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many records may be polled, and always one."""
        return max(1, self._most - self._records)

    @property
    def busy(self) -> bool:
        """Whether something runs, or was finished since the last commit."""
        return self._records > 0 or self._completed > 0

    def accept(self, messages: Sequence[Message], now: float) -> list[Record]:
        """These were polled, those of a partition one after another."""
        records: list[Record] = []
        with self._changed:
            for (topic, number), polled in groupby(messages, _PLACE):
                place, batch = TopicPartition(topic, number), list(polled)
                epoch = self._ledger.accept(place, [message.offset for message in batch], now)
                records += [Record(message, place, epoch) for message in batch]
            self._records += len(records)
            self._bytes += sum([record.size for record in records])
        return records

    def end(self, records: Collection[Record]) -> None:
        """These have ended; those that are done may be committed."""
        with self._changed:
            done = [record for record in records if record.state is State.DONE]
            for (place, epoch), of_one in groupby(done, _ASSIGNMENT):
                self._ledger.finish(place, epoch, [record.message.offset for record in of_one])
            self._completed += len(done)
            self.watched.finished += len(done)
            self._records -= len(records)
            self._bytes -= sum([record.size for record in records])
            self._changed.notify_all()

    def wait_empty(self, seconds: float) -> int:
        """Wait until nothing is in flight, and for so long at most; how many records are."""
        with self._changed:
            self._changed.wait_for(lambda: self._records == 0, seconds)
            return self._records

    def wait_room(self, seconds: float) -> bool:
        """Where as much is in flight as may be, wait until half of it is left, and for so long at most; if it is."""
        with self._changed:
            if self._look():
                self._changed.wait_for(lambda: not self._look(), seconds)
            return not self._full

    def throttle(self, owned: Partitions, *, outage: bool) -> tuple[Partitions, Partitions]:
        """Which partitions are to be paused now, and which resumed: all in an outage, else those that are full."""
        with self._changed:
            self._look()
            paused, unsure = self._paused & owned, self._came & owned
            wanted = owned if self._full or outage else self._ledger.full & owned
            self._paused = wanted
            self._came -= owned
        return wanted - (paused - unsure), (paused | unsure) - wanted

    def _look(self) -> bool:
        """Whether as much is in flight as may be, or was and more than half of it is left."""
        share = 2 if self._full else 1
        self._full = self._records > (self._most - 1) // share or self._bytes >= self._most_bytes // share
        return self._full

    # --- offsets ----------------------------------------------------------------------------------------------------

    def due(self, owned: Partitions, *, again: bool) -> dict[TopicPartition, int]:
        """The offsets that are to be committed; ``again``: those too that are committed already."""
        with self._changed:
            self._completed = 0
            return self._ledger.watermarks(owned) if again else self._ledger.due(owned)

    def acknowledge(self, offsets: dict[TopicPartition, int]) -> None:
        """A commit was acknowledged."""
        with self._changed:
            self._ledger.acknowledge(offsets)

    def finished(self, partition: TopicPartition, end: int) -> bool | None:
        """Whether all before ``end`` is finished; None where that hangs on whether more is to be polled."""
        with self._changed:
            if self._ledger.watermarks([partition]).get(partition, 0) >= end:
                return True
            return False if self._ledger.unfinished(partition) else None

    # --- rebalances -------------------------------------------------------------------------------------------------

    def assigned(self, partitions: Partitions) -> None:
        """Partitions came."""
        with self._changed:
            self._ledger.assign(partitions)
            self._came |= partitions
            self._moved(partitions)

    def revoked(self, partitions: Partitions) -> int:
        """Partitions are about to go; the epoch that :meth:`give_up` is to be called with."""
        with self._changed:
            self._moved(partitions)
            return self._ledger.epoch

    def give_up(self, partitions: Partitions, epoch: int) -> Offsets:
        """Partitions go, unless they came anew since: what is to be committed of them."""
        with self._changed:
            due = self._ledger.due(partitions)
            self._ledger.drop(partitions, epoch)
        return due

    def lost(self, partitions: Partitions) -> None:
        """Partitions are gone."""
        with self._changed:
            self._ledger.drop(partitions)
            self._moved(partitions)

    def _moved(self, partitions: Set[TopicPartition]) -> None:
        self._paused -= partitions
        self.watched.rebalances += 1

    def view(self, now: float, **told: Any) -> LoopView:
        """All of it at this moment. ``told``: what else the loop tells of itself (see LoopView)."""
        with self._changed:
            return self.watched.view(
                now=now,
                ledger=self._ledger,
                paused=self._paused,
                in_flight=self._records,
                in_flight_bytes=self._bytes,
                **told,
            )
