"""How fast a consumer is, by two looks at it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.cli.status_views import Look, loop_rate, partition_rate
from consumers.health import LoopStatus, PartitionStatus, Status


def look(before: int, after: int, seconds: float = 2.0) -> tuple[Look, LoopStatus, PartitionStatus]:
    def at(count: int) -> Status:
        place = PartitionStatus(
            topic="t", partition=0, position=None, watermark=count, committed=None, end=None, lag=None, unfinished=0,
            oldest_s=None, paused=False,
        )  # fmt: skip
        loop = LoopStatus(
            stage="extract", running=True, polled_s=0, heartbeat_s=0, in_flight=0, in_flight_bytes=0, struggling=0,
            waiting=(), partitions=(place,), finished=count, retries=0, rebalances=0, commits=0, commit_failures=0,
        )  # fmt: skip
        return Status(version="1", loops=(loop,), outcomes=(), errors=(), dead_letters=(), tokens=())

    now = at(after)
    return Look("u", at(before), now, seconds), now.loops[0], now.loops[0].partitions[0]


def test_a_rate_is_what_was_finished_between_two_looks_over_their_distance() -> None:
    both, loop, partition = look(100, 130)
    assert loop_rate(both, loop) == partition_rate(both, loop, partition) == 15.0


@pytest.mark.parametrize(("before", "after", "seconds"), [(100, 20, 2.0), (100, 130, 0.0)])
def test_a_consumer_that_began_anew_or_was_looked_at_once_has_no_rate(before: int, after: int, seconds: float) -> None:
    both, loop, partition = look(before, after, seconds)
    assert loop_rate(both, loop) is partition_rate(both, loop, partition) is None


def test_a_partition_that_came_between_the_looks_has_no_rate() -> None:
    both, loop, partition = look(100, 130)
    assert partition_rate(both, loop, partition.model_copy(update={"partition": 1})) is None
    assert loop_rate(replace(both, before=None), loop) is None
