"""Each record is handled once, in the order of its key, and within the bounds; and the loop tells how it is."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

from consumers.loop import LoopOptions


async def test_all_records_are_handled_once_and_committed(new_rig, new_worker, numbered, finished):
    rig, worker = new_rig(3), new_worker()
    rig.write(*numbered(100))
    await finished(rig.loop(worker))
    assert sorted(worker.values) == sorted(numbered(100))
    assert rig.committed == 100
    assert rig.consumers[0].closed


async def test_until_end_returns_where_there_is_nothing_to_do(new_rig, new_worker, numbered, finished):
    rig, worker = new_rig(), new_worker()
    await finished(rig.loop(worker))
    rig.write(*numbered(3))
    await finished(rig.loop(worker))
    await finished(rig.loop(worker))
    assert len(worker.handled) == 3


async def test_records_of_one_key_run_one_after_another_and_others_side_by_side(new_rig, new_worker, finished):
    rig, worker = new_rig(2), new_worker()
    for i in range(120):
        rig.write(str(i).encode(), key=f"k{random.Random(i).randrange(5)}".encode())
    await finished(rig.loop(worker))
    by_key = defaultdict(list)
    for message in worker.handled:
        by_key[message.key].append(message.offset)
    assert all(offsets == sorted(offsets) for offsets in by_key.values())
    assert 1 < worker.most <= 5


async def test_no_more_records_are_in_flight_than_allowed(new_rig, new_worker, quick, numbered, finished):
    rig, worker = new_rig(2), new_worker()
    rig.write(*numbered(60))
    for value in numbered(60):
        worker.gate(value)
    running = asyncio.create_task(finished(rig.loop(worker)))
    await worker.until(lambda: worker.running == quick.max_in_flight)
    await rig.until(lambda: rig.consumers[0].paused == set(rig.partitions))
    assert len(worker.began) == quick.max_in_flight
    for gate in worker.gates.values():
        gate.set()
    await running
    assert worker.most == quick.max_in_flight
    assert len(worker.handled) == 60


async def test_no_more_bytes_are_in_flight_than_allowed_but_for_one_record(new_rig, new_worker, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(*(b"%d" % i + b"x" * 999 for i in range(8)))
    for message in rig.broker.log_of(rig.partitions[0]):
        worker.gate(message.value)
    options = LoopOptions(
        max_in_flight=2, max_in_flight_bytes=1500, commit_interval_s=0.0, idle_poll_s=0.01, busy_poll_s=0.01
    )
    loop = rig.loop(worker, options)
    running = asyncio.create_task(finished(loop))
    await rig.until(lambda: loop.view().in_flight_bytes >= 1500 and bool(rig.consumers[0].paused))
    for gate in worker.gates.values():
        gate.set()
    await running
    assert len(worker.handled) == 8
    assert worker.most <= 2
    assert loop.view().in_flight_bytes == 0


async def test_a_stuck_record_stops_its_partition_at_the_span_limit_and_no_other(
    new_rig, new_worker, quick, numbered, finished
):
    rig, worker = new_rig(2), new_worker()
    rig.write(*numbered(400))
    stuck = rig.broker.log_of(rig.partitions[0])[0].value
    gate = worker.gate(stuck)
    options = LoopOptions(**{f: getattr(quick, f) for f in quick.__slots__ if f != "span_limit"}, span_limit=20)
    running = asyncio.create_task(finished(rig.loop(worker, options)))
    other = len(rig.broker.log_of(rig.partitions[1]))
    await worker.until(lambda: sum(m.partition == 1 for m in worker.handled) == other)
    await rig.until(lambda: rig.consumers[0].paused == {rig.partitions[0]})
    assert sum(m.partition == 0 for m in worker.began) <= 20 + quick.max_in_flight
    gate.set()
    await running
    assert len(worker.handled) == 400


async def test_a_view_shows_each_partition_and_what_is_unfinished(new_rig, new_worker, numbered, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(*numbered(5))
    gate = worker.gate(b"2")
    loop = rig.loop(worker)
    running = asyncio.create_task(loop.run())
    await worker.until(lambda: len(worker.handled) == 4)
    await rig.until(lambda: rig.committed == 2 and len(loop.view().partitions) == 1)
    view = loop.view()
    [partition] = view.partitions
    assert (partition.position, partition.watermark, partition.committed, partition.end) == (5, 2, 2, 5)
    assert (partition.unfinished, partition.lag, partition.paused) == (1, 3, False)
    assert partition.oldest_s is not None
    assert (view.stage, view.running, view.in_flight, view.finished) == ("test", True, 1, 4)
    assert view.in_flight_bytes == 2  # key and value
    assert view.polled_s < 20
    assert view.heartbeat_s < 20
    assert view.rebalances >= 1
    assert view.commits >= 1
    gate.set()
    await rig.until(lambda: rig.committed == 5)
    loop.stop()
    await running
    assert not loop.view().running
