"""What a process tells of itself, as JSON and back."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.health import Pace, Status
from consumers.health.status import status_of
from consumers.monitor import LoopView, PartitionView, Waiting
from medie_fhir.metrics import Metrics

OFFSETS = st.none() | st.integers(0, 2**62)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(polled=st.floats(min_value=0), position=OFFSETS, watermark=OFFSETS, end=OFFSETS)
def test_whatever_a_loop_shows_is_read_back_as_it_was_told(
    view: LoopView, polled: float, position: int | None, watermark: int | None, end: int | None
) -> None:
    place = view.partitions[0].partition
    partition = PartitionView(place, position, watermark, None, end, unfinished=0, oldest_s=None, paused=False)
    shown = replace(view, polled_s=polled, partitions=(partition,), waiting=(Waiting("model", 1.5),))
    status = status_of([shown], Metrics())
    assert Status.model_validate_json(status.model_dump_json()) == status
    (told,) = status.loops[0].partitions
    assert (told.position, told.watermark, told.end, told.lag) == (position, watermark, end, partition.lag)
    assert (status.loops[0].polled_s is None) == math.isinf(polled)


def test_of_no_loops_only_the_version_is_told() -> None:
    status = status_of([], Metrics())
    assert status.version
    assert (status.loops, status.outcomes, status.dead_letters, status.tokens) == ((), (), (), ())
    assert (status.resources, status.pace, status.slowed) == ((), None, None)


def test_the_pace_is_told_in_numbers_and_where_it_is_slow_in_words_too() -> None:
    pace = Pace(most=16, limit=4, running=4, waiting=9, paused_s=0)
    status = status_of([], Metrics(), pace)
    assert Status.model_validate_json(status.model_dump_json()) == status
    assert status.pace == pace
    assert status.slowed == "4 of 16 transactions at once; 4 run, 9 wait"


def test_what_became_of_resources_is_told() -> None:
    metrics = Metrics()
    metrics.resources(written=3, retracted=0, kept=2)
    told = {tuple(counted.labels.values()): counted.count for counted in status_of([], metrics).resources}
    assert told == {("written",): 3, ("kept",): 2}
