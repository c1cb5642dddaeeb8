"""Reading a topic without a group, and how far a group is, on both brokers alike."""

from __future__ import annotations

import asyncio

import pytest

from consumers.broker import TopicPartition
from medie_fhir.errors import TopicMissing


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [str(i).encode() for i in range(start, start + count)]


def test_all_that_is_on_a_topic_is_read_in_the_order_of_its_partitions(broker, name, produce):
    broker.create_topics({name: 3})
    produce(name, *((value, value, (("h", b"1"),)) for value in numbered(50)))
    messages = list(broker.read(name))
    assert sorted(m.value for m in messages) == sorted(numbered(50))
    for number in range(3):
        offsets = [m.offset for m in messages if m.partition == number]
        assert offsets == list(range(len(offsets)))
    assert {m.headers for m in messages} == {(("h", b"1"),)}


def test_an_empty_topic_is_read_at_once(broker, name):
    broker.create_topics({name: 2})
    assert list(broker.read(name)) == []


def test_what_is_written_after_the_call_is_not_read(broker, name, produce):
    broker.create_topics({name: 2})
    produce(name, *((value, value) for value in numbered(10)))
    reading = broker.read(name)
    produce(name, *((value, value) for value in numbered(10, 10)))
    assert sorted(m.value for m in reading) == numbered(10)


def test_reading_commits_nothing_and_can_be_done_again(broker, name, produce):
    broker.create_topics({name: 1})
    produce(name, *((b"k", value) for value in numbered(5)))
    first, second = ([m.value for m in broker.read(name)] for _ in range(2))
    assert first == second == numbered(5)
    assert broker.progress(name, name) == {TopicPartition(name, 0): (None, 5)}


def test_a_reading_may_be_left_before_its_end(broker, name, produce):
    broker.create_topics({name: 1})
    produce(name, *((b"k", value) for value in numbered(5)))
    reading = broker.read(name)
    assert next(reading).value == b"0"
    del reading  # what it holds of a real client is let go: a warning of a leak would fail this test


def test_records_that_were_deleted_are_not_waited_for(broker, name, produce, delete_before):
    broker.create_topics({name: 1})
    produce(name, *((b"k", value) for value in numbered(8)))
    delete_before(TopicPartition(name, 0), 3)
    assert [m.value for m in broker.read(name)] == numbered(5, 3)
    delete_before(TopicPartition(name, 0), 8)
    assert list(broker.read(name)) == []


@pytest.fixture
def timed(broker, name) -> list[int]:
    """Records of one partition, a second apart; their times."""
    broker.create_topics({name: 2})
    times = [1_700_000_000_000 + 1000 * number for number in range(6)]

    async def send() -> None:
        producer = broker.producer()
        for number, at in enumerate(times):
            await producer.send(name, key=b"k", value=str(number).encode(), timestamp_ms=at)
        producer.close()

    asyncio.run(send())
    return times


@pytest.mark.parametrize(("after_ms", "first"), [(-5000, 0), (2000, 2), (2001, 3), (5000, 5), (5001, 6)])
def test_only_what_was_written_since_is_read(broker, name, timed, after_ms, first):
    assert [m.value for m in broker.read(name, since_ms=timed[0] + after_ms)] == numbered(6 - first, first)


def test_a_topic_that_is_not_there_is_named(broker, name):
    with pytest.raises(TopicMissing, match=name):
        broker.read(name)
    with pytest.raises(TopicMissing, match=name):
        broker.progress(name, name)


def test_how_far_a_group_is_can_be_asked_while_it_runs_and_after(broker, name, produce, join):
    broker.create_topics({name: 2})
    produce(name, *((value, value) for value in numbered(20)))
    member = join(name, name)
    member.saw(numbered(20))
    one, two = TopicPartition(name, 0), TopicPartition(name, 1)
    ends = member.do(lambda c: c.end_offsets([one, two]))
    member.do(lambda c: c.commit({one: 1}))
    assert broker.progress(name, name) == {one: (1, ends[one]), two: (None, ends[two])}
    member.end()
    assert broker.progress(name, name) == {one: (1, ends[one]), two: (None, ends[two])}


def test_a_member_knows_the_ends_of_what_it_has_read_without_asking(broker, name, produce, join):
    broker.create_topics({name: 1})
    part = TopicPartition(name, 0)
    produce(name, *((b"k", value) for value in numbered(9)))
    member = join(name, name)
    member.saw(numbered(9))
    assert member.do(lambda c: c.high_water(part)) == 9
    assert member.do(lambda c: c.high_water(TopicPartition(name, 7))) is None
