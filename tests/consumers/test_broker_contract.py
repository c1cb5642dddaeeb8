"""What the loop relies on, of both brokers alike."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict

import pytest

from consumers.broker import TopicPartition
from medie_fhir.errors import BrokerRefused, RecordTooLarge


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [str(i).encode() for i in range(start, start + count)]


def test_records_of_a_partition_come_in_the_order_they_were_written(broker, name, produce, join):
    broker.create_topics({name: 3})
    produce(name, *((f"k{i % 7}".encode(), str(i).encode()) for i in range(100)))
    member = join(name, name)
    member.saw(numbered(100))
    by_partition, by_key = defaultdict(list), defaultdict(list)
    for message in member.messages:
        by_partition[message.place].append(message.offset)
        by_key[message.key].append(int(message.value))
    assert all(offsets == list(range(len(offsets))) for offsets in by_partition.values())
    assert all(values == sorted(values) for values in by_key.values())
    assert len(by_key) == 7


def test_a_record_comes_as_it_was_written(broker, name, produce, join):
    broker.create_topics({name: 1})
    headers = (("a", b"1"), ("b", b""), ("a", b"2"), ("ü", b"\xff"))
    produce(name, (b"key", b"\x00value", headers), (b"key", None), (None, b"no key"))
    member = join(name, name)
    member.wait(lambda m: len(m.messages) == 3)
    first, tombstone, keyless = member.messages
    assert (first.key, first.value, first.headers) == (b"key", b"\x00value", headers)
    assert (first.topic, first.partition, first.offset) == (name, 0, 0)
    assert first.timestamp_ms > 1_600_000_000_000
    assert (tombstone.key, tombstone.value, tombstone.headers) == (b"key", None, ())
    assert (keyless.key, keyless.value) == (None, b"no key")


def test_a_null_header_keeps_its_name(broker, name, produce, join):
    broker.create_topics({name: 1})
    produce(name, (b"k", b"v", (("null", None), ("last", b"1"))))
    member = join(name, name)
    member.saw([b"v"])
    assert [header for header, _ in member.messages[0].headers] == ["null", "last"]
    assert not member.messages[0].headers[0][1]


def test_a_record_of_nothing_can_be_written(broker, name, produce, join):
    broker.create_topics({name: 1})
    produce(name, (None, None))
    member = join(name, name)
    member.saw([None])
    assert not member.messages[0].key


def test_what_was_not_committed_comes_again_after_a_restart(broker, name, produce, join):
    broker.create_topics({name: 2})
    produce(name, *((value, value) for value in numbered(20)))
    first = join(name, name)
    first.saw(numbered(20))
    first.end()
    assert not [event for event, _ in first.events if event != "assigned"]  # leaving is not a rebalance
    again = join(name, name)
    again.saw(numbered(20))


def test_a_commit_is_where_a_restart_resumes(broker, name, produce, join):
    broker.create_topics({name: 2})
    produce(name, *((value, value) for value in numbered(20)))
    first = join(name, name)
    first.saw(numbered(20))
    part = TopicPartition(name, 0)
    offset = sum(m.place == part for m in first.messages) // 2
    first.do(lambda c: c.commit({part: offset, TopicPartition(name, 1): first.seen_offsets()[TopicPartition(name, 1)]}))
    first.end()
    again = join(name, name)
    again.saw([m.value for m in first.messages if m.place == part and m.offset >= offset])


def test_groups_do_not_see_each_others_commits(broker, name, produce, join):
    broker.create_topics({name: 1})
    produce(name, *((b"k", value) for value in numbered(5)))
    first = join(name, f"{name}-a")
    first.saw(numbered(5))
    first.do(lambda c: c.commit(first.seen_offsets()))
    join(name, f"{name}-b").saw(numbered(5))


def test_a_paused_partition_is_silent_and_resumes_where_it_was(broker, name, produce, join):
    broker.create_topics({name: 2})
    member = join(name, name)
    member.wait(lambda m: len(m.owned) == 2)
    paused = TopicPartition(name, 0)
    member.do(lambda c: c.pause([paused]))
    produce(name, *((value, value) for value in numbered(40)))
    ends = member.do(lambda c: c.end_offsets([paused, TopicPartition(name, 1)]))
    member.wait(lambda m: len(m.messages) == ends[TopicPartition(name, 1)])
    member.polled_again()
    assert {m.partition for m in member.messages} == {1}
    assert ends[paused] > 0
    member.do(lambda c: c.resume([paused]))
    member.saw(numbered(40))


def test_no_more_records_come_than_asked_for(broker, name, produce, join):
    broker.create_topics({name: 2})
    produce(name, *((value, value) for value in numbered(30)))
    member = join(name, name, max_records=7)
    member.saw(numbered(30))
    assert max(member.batches) <= 7


def test_two_members_share_the_partitions(broker, name, produce, join):
    broker.create_topics({name: 4})
    one = join(name, name)
    one.wait(lambda m: len(m.owned) == 4)
    two = join(name, name)
    two.wait(lambda m: len(m.owned) == 2)
    one.wait(lambda m: len(m.owned) == 2)
    assert one.owned | two.owned == {TopicPartition(name, number) for number in range(4)}
    produce(name, *((value, value) for value in numbered(40)))
    ends = one.do(lambda c: c.end_offsets(sorted(one.owned | two.owned)))
    for member in (one, two):
        member.wait(lambda m: len(m.messages) == sum(ends[p] for p in m.owned))
    assert sorted(m.value for m in one.messages + two.messages) == sorted(numbered(40))


def test_what_a_member_gives_up_is_committed_before_another_gets_it(broker, name, produce, join):
    broker.create_topics({name: 4})
    produce(name, *((value, value) for value in numbered(40)))
    one = join(name, name)
    one.saw(numbered(40))
    two = join(name, name)
    two.wait(lambda m: len(m.owned) == 2)
    assert [event for event, _ in one.events] == ["assigned", "revoked"]
    produce(name, *((value, value) for value in numbered(40, 40)))
    ends = one.do(lambda c: c.end_offsets(sorted(one.owned | two.owned)))
    fresh = {p: [m for m in one.messages if m.place == p] for p in two.owned}
    two.wait(lambda m: len(m.messages) == sum(ends[p] - len(fresh[p]) for p in m.owned))
    assert all(int(m.value) >= 40 for m in two.messages)


def test_when_a_member_leaves_the_other_takes_its_partitions(broker, name, produce, join):
    broker.create_topics({name: 4})
    one, two = join(name, name), join(name, name)
    one.wait(lambda m: len(m.owned) == 2)
    two.wait(lambda m: len(m.owned) == 2)
    one.end()
    two.wait(lambda m: len(m.owned) == 4)
    produce(name, *((value, value) for value in numbered(20)))
    two.saw(numbered(20))
    assert [event for event, _ in two.events if event == "lost"] == []


def test_positions_and_ends_are_known(broker, name, produce, join):
    broker.create_topics({name: 1})
    part = TopicPartition(name, 0)
    produce(name, *((b"k", value) for value in numbered(9)))
    member = join(name, name, max_records=100)
    member.saw(numbered(9))
    assert member.do(lambda c: c.position(part)) == 9
    assert member.do(lambda c: c.end_offsets([part])) == {part: 9}
    assert member.do(lambda c: c.assignment()) == frozenset({part})


def test_topics_that_are_missing_are_all_named(broker, name):
    broker.create_topics({name: 1})
    broker.check_topics([name])
    with pytest.raises(BrokerRefused, match=rf"{name}-x.*{name}-y"):
        broker.check_topics([f"{name}-y", name, f"{name}-x"])
    with pytest.raises(BrokerRefused):
        broker.consumer(f"{name}-x", name)


def test_a_topic_that_exists_is_left_as_it_is(broker, name, join):
    broker.create_topics({name: 2})
    broker.create_topics({name: 5})
    join(name, name).wait(lambda m: len(m.owned) == 2)


@pytest.mark.parametrize("megabytes", [2, 6])  # above the topic's limit; above our own too
def test_after_a_record_that_is_too_large_others_can_be_written(broker, name, produce, join, megabytes):
    broker.create_topics({name: 1})
    produce(name, (b"k", b"before"))
    with pytest.raises(RecordTooLarge):
        produce(name, (b"k", os.urandom(megabytes * 1024 * 1024)))
    produce(name, (b"k", b"after"))
    join(name, name).saw([b"before", b"after"])


@pytest.mark.parametrize("broker_options", [{"max_record_bytes": 6 * 1024 * 1024}], ids=["six-megabytes"])
def test_a_record_of_five_megabytes_is_read_and_passed_on_where_the_topics_allow_it(
    broker, name, produce, join, create_large
):
    create_large(name)
    create_large(f"{name}-next")
    value, headers = os.urandom(5 * 1024 * 1024), (("h", b"\xff" * 1000),)
    produce(name, (b"k", b"before"), (b"k", value, headers), (b"k", b"after"))
    member = join(name, name)
    member.wait(lambda m: len(m.messages) == 3)
    read = member.messages[1]
    assert (read.value, read.headers) == (value, headers)
    produce(f"{name}-next", (read.key, read.value, read.headers))
    [passed_on] = broker.read(f"{name}-next")
    assert (passed_on.key, passed_on.value, passed_on.headers) == (read.key, read.value, read.headers)


def test_many_records_can_be_sent_at_once(broker, name, join):
    broker.create_topics({name: 3})

    async def send() -> None:
        producer = broker.producer()
        async with asyncio.TaskGroup() as group:
            for value in numbered(500):
                group.create_task(producer.send(name, key=value, value=value))
        await producer.flush()
        producer.close()

    asyncio.run(send())
    join(name, name).saw(numbered(500))
