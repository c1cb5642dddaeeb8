"""Order within a key, none between keys; partitions that are let go."""

from __future__ import annotations

import asyncio

from consumers.broker import Message, TopicPartition
from consumers.lanes import Lanes
from consumers.lifecycle import Record


def record(offset: int, key: bytes | None, partition: int = 0) -> Record:
    message = Message("t", partition, offset, key, None)
    return Record(message, message.place, 1)


class Work:
    def __init__(self) -> None:
        self.began: list[int] = []
        self.ended: list[int] = []
        self.tellings: list[int] = []  # of how many records each
        self.errors: list[BaseException] = []
        self.go = asyncio.Event()
        self.lanes = Lanes(self.process, self.end, self.errors.append)

    def end(self, records: list[Record]) -> None:
        self.ended += [record.message.offset for record in records]
        self.tellings.append(len(records))

    async def process(self, record: Record) -> None:
        self.began.append(record.message.offset)
        await self.go.wait()
        if record.message.offset == 13:
            raise ValueError

    async def turns(self, count: int) -> None:
        """So many turns of asyncio's loop: enough for so many records to begin."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def all_ended(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.ended) < count:  # noqa: ASYNC110 - nothing of asyncio's own tells of it
                await asyncio.sleep(0)


async def test_one_key_is_a_lane_though_its_partition_changes_and_no_key_is_none():
    work = Work()
    work.lanes.begin([record(0, b"a"), record(1, b"a"), record(2, b"b"), record(3, None), record(4, None)])
    work.lanes.begin([record(5, b"a"), record(6, b"a", partition=1)])
    await work.turns(7)
    assert work.began == [0, 2, 3, 4]
    work.go.set()
    await work.all_ended(7)
    assert [offset for offset in work.began if offset in {0, 1, 5, 6}] == [0, 1, 5, 6]


async def test_what_a_record_raises_is_handed_on_and_its_lane_goes_on():
    work = Work()
    work.go.set()
    work.lanes.begin([record(13, b"a"), record(14, b"a")])
    await work.all_ended(2)
    assert work.ended == [13, 14]
    assert [type(error) for error in work.errors] == [ValueError]


async def test_an_error_is_told_before_the_next_of_its_key_begins():
    work = Work()
    work.go.set()
    work.lanes = Lanes(work.process, work.end, lambda error: work.began.append(-1))
    work.lanes.begin([record(13, b"a"), record(14, b"a")])
    await work.all_ended(2)
    assert work.began == [13, -1, 14]


async def test_what_ends_in_one_turn_is_told_of_at_once():
    work = Work()
    work.go.set()
    work.lanes.begin([record(offset, b"%d" % offset) for offset in range(100)])
    await work.all_ended(100)
    assert work.tellings == [100]


async def test_a_record_that_need_not_wait_costs_no_task_of_its_own():
    work = Work()
    work.go.set()
    before = len(asyncio.all_tasks())
    work.lanes.begin([record(offset, b"%d" % offset) for offset in range(100)])
    await work.turns(1)
    assert work.began == list(range(100))
    assert len(asyncio.all_tasks()) <= before + 2


async def test_a_lane_goes_on_though_all_others_wait():
    work = Work()
    work.lanes.begin([record(0, b"a"), record(1, b"b")])
    await work.turns(3)
    work.lanes.begin([record(2, b"c")])
    await work.turns(3)
    assert work.began == [0, 1, 2]
    work.go.set()
    await work.all_ended(3)
    work.lanes.begin([record(3, b"a")])
    await work.all_ended(4)


async def test_only_the_partitions_asked_for_are_abandoned():
    work = Work()
    here, there = record(0, b"a"), record(1, b"a", partition=1)
    work.lanes.begin([here, there])
    work.lanes.abandon([TopicPartition("t", 1)])
    assert (here.abandoned, there.abandoned) == (False, True)
    work.lanes.abandon()
    assert here.abandoned
    await work.lanes.cancel()


async def test_settled_is_told_once_when_all_have_ended():
    work, told = Work(), []
    work.lanes.begin([record(0, b"a"), record(1, b"b"), record(2, b"c", partition=1)])
    work.lanes.when_settled([TopicPartition("t", 0)], 5, lambda: told.append(len(work.ended)))
    await asyncio.sleep(0)
    assert told == []
    work.go.set()
    await work.all_ended(3)
    assert len(told) == 1
    assert told[0] >= 2


async def test_settled_is_told_when_the_time_is_over_and_at_once_where_nothing_runs():
    work, told = Work(), asyncio.Event()
    work.lanes.begin([record(0, b"a")])
    work.lanes.when_settled([TopicPartition("t", 0)], 0.001, told.set)
    async with asyncio.timeout(5):
        await told.wait()
    assert work.ended == []
    empty: list[int] = []
    work.lanes.when_settled([TopicPartition("t", 9)], 5, lambda: empty.append(1))
    assert empty == [1]
    await work.lanes.cancel()
    assert work.ended == [0]


async def test_what_has_ended_is_told_of_before_settled_is():
    work, told = Work(), list[object]()
    work.go.set()
    work.lanes = Lanes(work.process, lambda records: told.append(len(records)), work.errors.append)
    work.lanes.begin([record(0, b"a")])
    await work.turns(1)
    assert work.began == [0]
    work.lanes.when_settled([TopicPartition("t", 0)], 5, lambda: told.append("settled"))
    assert told == [1, "settled"]


async def test_after_a_cancel_nothing_of_a_lane_begins():
    work = Work()
    work.lanes.begin([record(0, b"a"), record(1, b"a")])
    await work.turns(2)
    await work.lanes.cancel()
    await work.turns(5)
    assert work.began == [0]
    assert work.ended == [0]
