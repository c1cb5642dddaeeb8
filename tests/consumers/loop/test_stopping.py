"""The ways in which a loop ends."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from consumers.loop import LoopOptions


async def test_after_a_crash_every_record_is_handled_and_few_of_them_twice(
    new_rig, new_worker, quick, numbered, finished
):
    rig, worker = new_rig(2), new_worker()
    rig.write(*numbered(100))
    crashing = rig.loop(worker)
    rig.consumers[0].crash_when = lambda: len(worker.handled) > 40
    with pytest.raises(RuntimeError, match="crash"):
        await finished(crashing)
    assert rig.committed < 100
    await finished(rig.loop(worker))
    times = Counter(worker.values)
    assert set(times) == set(numbered(100))
    # What ran, and what ended while the last poll took its place.
    assert sum(times.values()) - 100 <= 2 * quick.max_in_flight
    assert rig.committed == 100


async def test_stopping_finishes_what_runs_commits_it_and_begins_nothing(new_rig, new_worker):
    rig, worker = new_rig(1), new_worker()
    rig.write(b"a1", b"a2", key=b"a")
    rig.write(b"b1", key=b"b")
    worker.gate(b"a1")
    worker.gate(b"b1")
    loop = rig.loop(worker)
    running = asyncio.create_task(loop.run())
    await worker.until(lambda: worker.running == 2)
    loop.stop()
    worker.gate(b"a1").set()
    worker.gate(b"b1").set()
    await running
    assert sorted(worker.values) == [b"a1", b"b1"]
    assert rig.committed == 1  # b1 is done, but a2 before it is not
    assert rig.consumers[0].closed


async def test_what_is_not_finished_in_time_is_not_committed(new_rig, new_worker):
    rig, worker = new_rig(1), new_worker()
    rig.write(b"1", b"2", b"3")
    worker.gate(b"2")
    options = LoopOptions(idle_poll_s=0.01, busy_poll_s=0.01, drain_s=0.05)
    loop = rig.loop(worker, options)
    running = asyncio.create_task(loop.run())
    await worker.until(lambda: len(worker.handled) == 2)
    loop.stop()
    await running
    assert rig.committed == 1
    assert worker.running == 0


async def test_cancelling_stops_in_good_order(new_rig, new_worker, numbered):
    rig, worker = new_rig(1), new_worker()
    rig.write(*numbered(3))
    running = asyncio.create_task(rig.loop(worker).run())
    await worker.until(lambda: len(worker.handled) == 3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert rig.committed == 3
    assert rig.consumers[0].closed
