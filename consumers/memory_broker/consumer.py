"""A consumer group, and a member of one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future

from consumers.broker import Message, RebalanceListener, TopicPartition
from consumers.lost_offsets import LostOffset, OffsetLostPolicy, face
from consumers.memory_broker.log import PartitionLog
from medie_fhir.errors import BrokerUnavailable

__all__ = ["Group", "MemoryConsumer"]

log = logging.getLogger(__name__)


class Group:
    """Its members, what they have committed, and who has which partition."""

    def __init__(self) -> None:
        self.members: list[MemoryConsumer] = []
        self.offsets: dict[TopicPartition, int] = {}
        self.owners: dict[TopicPartition, MemoryConsumer] = {}

    def target(self, member: MemoryConsumer, partitions: list[TopicPartition]) -> set[TopicPartition]:
        """The partitions that a member should have: an equal share, and as few moves as that allows."""
        count, extra = divmod(len(partitions), len(self.members))
        shares = {m: count + (i < extra) for i, m in enumerate(self.members)}
        kept: dict[MemoryConsumer, list[TopicPartition]] = {m: [] for m in self.members}
        free = []
        for partition in partitions:
            owner = self.owners.get(partition)
            if owner in kept and len(kept[owner]) < shares[owner]:
                kept[owner].append(partition)
            else:
                free.append(partition)
        for m in self.members:
            while free and len(kept[m]) < shares[m]:
                kept[m].append(free.pop(0))
        return set(kept[member])


class MemoryConsumer:
    """See :class:`~consumers.broker.Consumer`, whose words are not repeated here.

    ``changed`` is the broker's lock: it guards everything, and is notified when a record, a member or an owner changes.
    """

    def __init__(
        self,
        logs: Iterable[PartitionLog],
        group: Group,
        changed: threading.Condition,
        revoke_limit_s: float,
        offset_lost: OffsetLostPolicy,
    ) -> None:
        self._logs = {part.place: part for part in logs}
        self._group = group
        self._changed = changed
        self._revoke_limit_s = revoke_limit_s
        self._offset_lost: OffsetLostPolicy = offset_lost
        self._listener: RebalanceListener
        self._positions: dict[TopicPartition, int] = {}  # its keys are what we own
        self._paused: set[TopicPartition] = set()
        self._astray: frozenset[TopicPartition] = frozenset()

    def subscribe(self, listener: RebalanceListener) -> None:
        """Begin."""
        self._listener = listener
        with self._changed:
            self._join()

    def poll(self, timeout_s: float, max_records: int) -> list[Message]:
        """Take part in rebalances, and return records."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._rebalance()
            self._face_lost_offsets()
            with self._changed:
                if messages := self._fetch(max_records):
                    return messages
                left = deadline - time.monotonic()
                if left <= 0:
                    return []
                if not self._unbalanced():
                    self._changed.wait(left)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Be silent."""
        self._paused.update(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Go on."""
        self._paused.difference_update(partitions)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit. A place that was lost is left as it is, to be found lost again."""
        with self._changed:
            if self not in self._group.members:
                raise BrokerUnavailable("not a member of the group at present")
            self._group.offsets.update({p: offset for p, offset in offsets.items() if p not in self._astray})

    def assignment(self) -> frozenset[TopicPartition]:
        """What is ours."""
        return frozenset(self._positions)

    def position(self, partition: TopicPartition) -> int:
        """Where we are."""
        return self._positions[partition]

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where the partitions end."""
        with self._changed:
            return {partition: self._logs[partition].end for partition in partitions}

    def high_water(self, partition: TopicPartition) -> int | None:
        """The end of what is ours."""
        return self._logs[partition].end if partition in self._positions else None

    def close(self) -> None:
        """Leave."""
        with self._changed:
            self.leave()
            self._positions.clear()
            self._changed.notify_all()

    def leave(self) -> None:
        """Be no member any more; what we think we own is someone else's. Under the lock."""
        if self in self._group.members:
            self._group.members.remove(self)
        owners = self._group.owners
        for partition in [p for p, owner in owners.items() if owner is self]:
            del owners[partition]

    def _join(self) -> None:
        self._group.members.append(self)
        self._changed.notify_all()

    def _wanted(self) -> set[TopicPartition]:
        return self._group.target(self, list(self._logs))

    def _unbalanced(self) -> bool:
        if self not in self._group.members:
            return True
        wanted, owned = self._wanted(), self._positions.keys()
        return bool(owned - wanted or {p for p in wanted - owned if p not in self._group.owners})

    def _rebalance(self) -> None:
        """Take part: lose, give up, then take what is free."""
        with self._changed:
            lost = frozenset() if self in self._group.members else frozenset(self._positions)
            if self not in self._group.members:
                self._forget(lost)
                self._join()
            going = frozenset(self._positions.keys() - self._wanted())
        if lost:
            self._listener.lost(lost)
        if going:
            self._give_up(going)
        with self._changed:
            coming = frozenset(p for p in self._wanted() if p not in self._group.owners)
            for partition in coming:
                self._group.owners[partition] = self
                self._positions[partition] = self._group.offsets.get(partition, self._logs[partition].start)
        if coming:
            self._listener.assigned(coming)

    def _face_lost_offsets(self) -> None:
        """Find the places that are no longer on the topic; where we may go on, to the listener they come anew."""
        with self._changed:
            places = [(p, offset, self._logs[p]) for p, offset in self._positions.items() if p not in self._paused]
            lost = [
                LostOffset(p, at, part.start, part.end) for p, at, part in places if not part.start <= at <= part.end
            ]
        if lost:
            self._astray = frozenset(each.partition for each in lost)
            face(lost, self._offset_lost)
            again, self._astray = self._astray, frozenset()
            self._positions |= {each.partition: each.start for each in lost}
            self._listener.lost(again)
            self._listener.assigned(again)

    def _give_up(self, going: frozenset[TopicPartition]) -> None:
        offsets: Future[Mapping[TopicPartition, int]] = self._listener.revoked(going)
        try:
            self.commit(offsets.result(self._revoke_limit_s))
        except (TimeoutError, BrokerUnavailable) as error:
            log.warning("partitions were given up without a commit: %s", type(error).__name__)
        with self._changed:
            self._forget(going)
            for partition in going:
                if self._group.owners.get(partition) is self:
                    del self._group.owners[partition]
            self._changed.notify_all()

    def _forget(self, partitions: frozenset[TopicPartition]) -> None:
        for partition in partitions:
            self._positions.pop(partition, None)
        self._paused -= partitions

    def _fetch(self, max_records: int) -> list[Message]:
        messages: list[Message] = []
        for partition in sorted(self._positions.keys() - self._paused):
            start = self._positions[partition]
            found = self._logs[partition].read(start, max_records - len(messages))
            if found:
                messages += found
                self._positions[partition] = found[-1].offset + 1
        return messages
