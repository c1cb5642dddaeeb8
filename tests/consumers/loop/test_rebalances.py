"""Partitions that go and come, and a member that was away."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from consumers.dead_letters import DeadLetters
from consumers.loop import Loop, LoopOptions
from medie_fhir.errors import (
    FhirConflict,
)


async def test_a_partition_that_goes_is_drained_and_committed_first(new_rig, new_worker, numbered):
    rig, first, second = new_rig(2), new_worker(), new_worker()
    rig.write(*numbered(8))
    for value in numbered(8):
        first.gate(value)
    one = rig.loop(first)
    ones = asyncio.create_task(one.run())
    await first.until(lambda: first.running == 8)
    two = rig.loop(second)
    twos = asyncio.create_task(two.run())
    await rig.until(lambda: rig.consumers[1].polls > 3)
    assert not rig.consumers[1].assignment()  # waits for the other to give up
    for gate in first.gates.values():
        gate.set()
    await rig.until(lambda: len(rig.consumers[1].assignment()) == 1)
    rig.write(*numbered(20, 8))
    await rig.until(lambda: rig.committed == 28)
    one.stop()
    two.stop()
    await asyncio.gather(ones, twos)
    assert sorted(first.values + second.values) == sorted(numbered(28))  # none twice
    assert second.handled


async def test_what_is_not_drained_in_time_is_handled_by_the_next_owner(new_rig, new_worker, numbered):
    rig, first, second = new_rig(2), new_worker(), new_worker()
    rig.write(*numbered(8))
    for value in numbered(8):
        first.gate(value)
    slow = LoopOptions(idle_poll_s=0.01, busy_poll_s=0.01, commit_interval_s=0.0, drain_s=0.05)
    one, two = rig.loop(first, slow), rig.loop(second)
    ones = asyncio.create_task(one.run())
    await first.until(lambda: first.running == 8)
    twos = asyncio.create_task(two.run())
    moved = rig.partitions[1]
    count = len(rig.broker.log_of(moved))
    await second.until(lambda: len(second.handled) == count)
    await rig.until(lambda: rig.broker.committed(rig.group, moved) == count)
    assert {m.place for m in second.handled} == {moved}
    for gate in first.gates.values():
        gate.set()
    await rig.until(lambda: rig.committed == 8)
    assert all(moved not in commit for commit in rig.consumers[0].commits)  # the late results moved nothing
    one.stop()
    two.stop()
    await asyncio.gather(ones, twos)
    assert len(first.handled) == 8


async def test_late_results_of_a_lost_partition_move_no_offset(new_rig, new_worker):
    rig, worker = new_rig(1), new_worker()
    rig.write(b"1", b"2", b"3")
    gate = worker.gate(b"1")
    loop = rig.loop(worker)
    running = asyncio.create_task(loop.run())
    await worker.until(lambda: len(worker.handled) == 2)
    rig.broker.expire(rig.consumers[0].inner)
    await worker.until(lambda: Counter(worker.values)[b"3"] == 2)  # it joined again, and got all again
    assert rig.committed == 0
    assert Counter(m.value for m in worker.began)[b"1"] == 1  # in its lane, behind the late one
    gate.set()
    await rig.until(lambda: rig.committed == 3)
    loop.stop()
    await running
    assert Counter(worker.values) == {b"1": 2, b"2": 2, b"3": 2}


async def test_a_member_that_was_frozen_may_not_write_before_it_has_polled_again(new_rig, new_worker, finished):
    rig, worker, now = new_rig(1), new_worker(), [0.0]
    loop = Loop(
        consumer=rig.broker.consumer(rig.topic, rig.group),
        worker=worker,
        dead_letters=DeadLetters(rig.broker.producer(), rig.dead_topic),
        report=rig.report,
        options=LoopOptions(absent_after_s=40.0),
        monotonic=lambda: now[0],
    )
    assert loop.view().polled_s == float("inf")
    await finished(loop)
    loop.check_presence()
    now[0] = 41.0
    with pytest.raises(FhirConflict):
        loop.check_presence()
