"""What a loop counts of itself, and how a view is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from consumers.broker import TopicPartition
from consumers.monitor import LoopView, PartitionView
from consumers.offsets import Ledger

__all__ = ["Watched"]


class Watched:
    """Counters and clocks of one loop. Each is written by one thread; times are of the loop's monotonic clock."""

    def __init__(self, now: float) -> None:
        self.polled_at = float("-inf")  # not yet
        self.beat_at = now
        self.finished = self.rebalances = self.commits = self.commit_failures = 0
        self._ends: Mapping[TopicPartition, int | None] = {}

    def came_round(self, now: float, ends: Mapping[TopicPartition, int | None]) -> None:
        """The consumer's thread has polled, and knows these ends of its partitions."""
        self.polled_at = now
        self._ends = ends

    def view(self, *, now: float, ledger: Ledger, paused: Set[TopicPartition], **told: Any) -> LoopView:
        """All of it at this moment. ``told``: what else the loop tells of itself (see LoopView)."""
        return LoopView(
            polled_s=now - self.polled_at,
            heartbeat_s=now - self.beat_at,
            partitions=tuple(_partitions(now, ledger, self._ends, paused)),
            finished=self.finished,
            rebalances=self.rebalances,
            commits=self.commits,
            commit_failures=self.commit_failures,
            **told,
        )


def _partitions(
    now: float, ledger: Ledger, ends: Mapping[TopicPartition, int | None], paused: Set[TopicPartition]
) -> Iterator[PartitionView]:
    for partition in sorted(ends):
        tracker = ledger.tracker(partition)
        yield PartitionView(
            partition=partition,
            position=tracker.position if tracker else None,
            watermark=tracker.watermark if tracker else None,
            committed=tracker.committed if tracker else None,
            end=ends[partition],
            unfinished=tracker.unfinished if tracker else 0,
            oldest_s=now - tracker.oldest if tracker and tracker.oldest is not None else None,
            paused=partition in paused,
        )
