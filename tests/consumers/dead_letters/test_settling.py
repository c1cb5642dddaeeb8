"""A letter is settled once: its record is sent again as it was, or it is set aside."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.broker import Broker, Headers, Message, Topics
from consumers.dead_letters import (
    DeadLetters,
    Letter,
    LetterId,
    Letters,
    OriginalGone,
    Result,
    Settled,
    Settler,
    Work,
    read_again,
    refusal,
)
from consumers.dead_letters.headers import original_headers, our_headers
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import Report
from consumers.programs import extract_loop
from medie_fhir.errors import BrokerRefused, BrokerUnavailable, NotJson
from medie_fhir.settings import Settings

OURS = Topics("events", "extractions", "dead")


def record(key: bytes | None, value: bytes | None, headers: Headers = (), at_ms: int = 7, offset: int = 0) -> Message:
    return Message("events", 0, offset, key, value, headers, at_ms)


async def condemn(broker: Broker, topics: Topics, records: Iterable[Message]) -> None:
    producer = broker.producer()
    letters = DeadLetters(producer, topics.dead_letters)
    for message in records:
        await letters.send(message._replace(topic=topics.documents), NotJson(), stage="extract", attempts=2)
    producer.close()


async def redrive_all(broker: Broker, topics: Topics) -> list[Result]:
    """What the command does with every letter that is open."""
    letters = Letters(broker.read(topics.dead_letters))
    wanted = {id_: letter for id_, letter in letters.all.items() if id_ not in letters.settled}
    producer, results = broker.producer(), []
    work = Work(Settler(broker, producer, topics.dead_letters).redrive, results.append)
    async for batch in read_again(broker, topics.dead_letters, wanted):
        await work.through((wanted[LetterId(m.partition, m.offset)], m) for m in batch)
    producer.close()
    return results


def by_key(messages: Iterable[Message]) -> dict[bytes | None, list[tuple[object, ...]]]:
    found = defaultdict(list)
    for m in messages:
        found[m.key].append((m.value, original_headers(m.headers), m.timestamp_ms))
    if None in found:
        found[None].sort(key=repr)  # without a key there is no order
    return dict(found)


async def test_a_record_comes_back_as_it_was_with_its_own_time_and_once(broker, topics, on):
    sent = [
        record(b"a", b"\x00one", (("x", b"1"), ("ü", b"\xff"), ("x", b"2")), 1_700_000_000_000),
        record(b"a", None, (), 1_700_000_000_001),
        record(None, b"no key", (), 1_700_000_000_002),
    ]
    await condemn(broker, topics, sent)
    results = await redrive_all(broker, topics)
    assert [r.error for r in results] == [None, None, None]
    assert by_key(on(topics.documents)) == by_key(sent)
    first = next(m for m in on(topics.documents) if m.value == b"\x00one")
    counted = our_headers(first.headers)
    assert (counted["medie.attempts"], counted["medie.redrives"]) == (b"2", b"1")
    assert counted.keys() == {"medie.attempts", "medie.redrives", "medie.redrive.of"}
    assert await redrive_all(broker, topics) == []
    assert len(on(topics.documents)) == 3


records = st.builds(
    record,
    key=st.none() | st.sampled_from([b"", b"a", b"b", b"c"]),
    value=st.none() | st.binary(max_size=8),
    headers=st.lists(st.tuples(st.sampled_from(["a", "traceparent", "ü"]), st.none() | st.binary(max_size=4))).map(
        tuple
    ),
    at_ms=st.integers(1, 2**41),
)


@settings(deadline=None)  # the threads that read may wait for a busy machine
@given(st.lists(records, max_size=12))
def test_whatever_was_refused_comes_back_unchanged_in_its_order_and_a_second_time_nothing_does(sent):
    broker = MemoryBroker()
    broker.create_topics({"events": 2, "dead": 2})

    async def twice() -> tuple[list[Result], list[Result]]:
        await condemn(broker, OURS, sent)
        return await redrive_all(broker, OURS), await redrive_all(broker, OURS)

    first, second = asyncio.run(twice())
    assert len(first) == len(sent)
    assert second == []
    assert by_key(broker.records("events")) == by_key(sent)


async def test_a_record_that_fails_again_goes_on_counting_until_the_limit(broker, topics, on):
    message = record(b"a", b"bad")
    for nth in range(3):
        await condemn(broker, topics, [message])
        *_, letter = Letters(on(topics.dead_letters)).all.values()
        assert letter.facts is not None
        assert (letter.facts.redrives, letter.facts.attempts) == (nth, 2 * (nth + 1))
        assert (refusal(letter, {topics.documents}, 2) is None) is (nth < 2)
        await redrive_all(broker, topics)
        *_, message = on(topics.documents)


async def test_a_letter_that_is_discarded_is_settled_and_its_record_not_sent(broker, topics, on):
    await condemn(broker, topics, [record(b"a", b"bad")])
    [message] = on(topics.dead_letters)
    letter = Letter.of(message)
    producer = broker.producer()
    await Settler(broker, producer, topics.dead_letters).discard(letter, message)
    producer.close()
    assert Letters(on(topics.dead_letters)).settled == {letter.id: Settled.DISCARDED}
    assert on(topics.documents) == []


async def test_a_marker_lies_in_its_letters_partition_and_holds_nothing_of_the_record(broker, topics, on):
    await condemn(broker, topics, [record(key, b"secret", (("x", b"secret"),)) for key in (b"a", b"b", b"c", b"d")])
    await redrive_all(broker, topics)
    letters = Letters(on(topics.dead_letters))
    for marker in (m for m in on(topics.dead_letters) if LetterId(m.partition, m.offset) not in letters.all):
        assert dict(marker.headers)["medie.settles"].startswith(f"{topics.dead_letters}:{marker.partition}:".encode())
        assert b"secret" not in repr((marker.value, marker.headers)).encode()
    assert letters.settled.keys() == letters.all.keys()


class Dying:
    """A producer that has no more than so many sends in it, as a command that is killed."""

    def __init__(self, producer, sends: int, error: Exception) -> None:
        self._producer, self._left, self._error = producer, sends, error

    async def send(self, topic: str, **record: object) -> None:
        self._left -= 1
        if self._left < 0:
            raise self._error
        await self._producer.send(topic, **record)


async def test_between_a_record_and_its_marker_a_death_sends_it_twice_and_loses_nothing():
    broker = MemoryBroker()
    broker.create_topics({"events": 1, "dead": 1})
    await condemn(broker, OURS, [record(b"a", b"1"), record(b"b", b"2")])
    messages = broker.records("dead")
    results: list[Result] = []
    work = Work(Settler(broker, Dying(broker.producer(), 1, BrokerUnavailable("gone")), "dead").redrive, results.append)
    await work.through((Letter.of(m), m) for m in messages)
    assert len([r for r in results if r.error]) == 2
    await redrive_all(broker, OURS)
    assert sorted({m.value for m in broker.records("events")}) == [b"1", b"2"]
    assert len(broker.records("events")) == 3


async def test_after_a_failure_the_later_letters_of_its_key_are_held_back_also_in_the_next_batch():
    letters = [Letter(LetterId(0, n), 0, 0, key, None) for n, key in enumerate([b"a", b"b", b"a", None, None, b"a"])]
    done: list[int] = []

    async def act(letter: Letter, message: Message) -> None:
        if letter.id.offset in {0, 3}:
            raise BrokerUnavailable("gone")
        done.append(letter.id.offset)

    results: list[Result] = []
    work = Work(act, results.append)
    for batch in (letters[:5], letters[5:]):
        await work.through((letter, record(letter.key, b"")) for letter in batch)
    assert sorted(done) == [1, 4]
    assert sorted(r.letter.id.offset for r in results if r.held) == [2, 5]
    assert sorted(r.letter.id.offset for r in results if r.error) == [0, 3]


async def test_a_letter_that_can_not_be_helped_holds_no_other_back():
    async def act(letter: Letter, message: Message) -> None:
        if letter.id.offset == 0:
            raise OriginalGone("no longer there")

    results: list[Result] = []
    letters = [Letter(LetterId(0, n), 0, 0, b"a", None) for n in range(2)]
    await Work(act, results.append).through((letter, record(b"a", b"")) for letter in letters)
    assert [(bool(r.error), r.held) for r in results] == [(True, False), (False, False)]


async def test_what_a_person_must_mend_ends_the_work_at_once():
    begun: list[int] = []

    async def act(letter: Letter, message: Message) -> None:
        begun.append(letter.id.offset)
        raise BrokerRefused("not authorised")

    work = Work(act, lambda _: None, at_once=1)
    letters = [Letter(LetterId(0, n), 0, 0, None, None) for n in range(5)]
    with pytest.raises(BrokerRefused):
        await work.through((letter, record(None, b"")) for letter in letters)
    assert begun == [0]


async def test_a_record_that_is_only_referred_to_is_got_from_its_topic(broker, topics, on):
    producer = broker.producer()
    for value in (b"first", b"x" * 3000, b"last"):
        await producer.send(
            topics.documents, key=b"a", value=value, headers=(("x", b"1"),), timestamp_ms=1_700_000_000_000
        )
    large = on(topics.documents)[1]
    await condemn_by_reference(broker, topics, large)
    [letter] = Letters(on(topics.dead_letters)).all.values()
    assert letter.facts is not None
    assert (letter.facts.omitted, letter.size) == (True, 0)
    [result] = await redrive_all(broker, topics)
    assert result.error is None
    *_, again = on(topics.documents)
    assert (again.key, again.value, again.timestamp_ms) == (b"a", large.value, large.timestamp_ms)
    assert original_headers(again.headers) == (("x", b"1"),)
    assert our_headers(again.headers)["medie.redrives"] == b"1"
    producer.close()


async def condemn_by_reference(broker: Broker, topics: Topics, message: Message) -> None:
    """As where the topic of dead letters takes less than the record's own."""
    small = MemoryBroker(max_record_bytes=1000)
    small.create_topics({topics.dead_letters: 1})
    await DeadLetters(small.producer(), topics.dead_letters).send(message, NotJson(), stage="extract", attempts=1)
    [letter] = small.records(topics.dead_letters)
    producer = broker.producer()
    await producer.send(topics.dead_letters, key=letter.key, value=letter.value, headers=letter.headers)
    producer.close()


async def test_a_record_that_is_referred_to_and_gone_is_said_and_its_letter_stays_open(broker, topics, on):
    await condemn_by_reference(broker, topics, Message(topics.documents, 0, 5, b"a", b"x" * 3000, (), 7))
    [result] = await redrive_all(broker, topics)
    assert isinstance(result.error, OriginalGone)
    assert f"{topics.documents}[0]@5" in str(result.error)
    assert Letters(on(topics.dead_letters)).settled == {}


async def test_only_the_letters_that_are_wanted_are_read_again(broker, topics, on):
    await condemn(broker, topics, [record(b"a", str(n).encode()) for n in range(250)])
    wanted = [LetterId(m.partition, m.offset) for m in on(topics.dead_letters)[5:240:2]]
    gone = LetterId(0, 10**6)
    batches = [batch async for batch in read_again(broker, topics.dead_letters, [*wanted, gone])]
    assert [LetterId(m.partition, m.offset) for batch in batches for m in batch] == wanted
    assert max(map(len, batches)) <= 100


@pytest.mark.parametrize(
    ("topic", "redrives", "why"),
    [
        ("events", 0, None),
        ("events", 2, None),
        ("events", 3, "sent again 3 times"),
        ("payroll", 0, "none of our topics"),
    ],
)
def test_why_a_letter_is_not_sent_again_is_said(topic, redrives, why):
    headers = tuple(
        (name, value.encode())
        for name, value in {
            "__connect.errors.topic": topic,
            "__connect.errors.partition": "0",
            "__connect.errors.offset": "1",
            "__connect.errors.stage": "extract",
            "medie.error.class": "NotJson",
            "medie.redrives": str(redrives),
        }.items()
    )
    told = refusal(Letter.of(Message("dead", 0, 0, b"a", b"v", headers)), {"events", "extractions"}, 3)
    assert told is None if why is None else why in (told or "")


def test_what_is_not_ours_is_not_sent_anywhere():
    assert refusal(Letter.of(Message("dead", 0, 0, b"a", b"v")), {"events"}, 3) == "not a dead letter of ours"


async def test_through_the_consumer_a_record_that_fails_again_has_a_new_letter_that_goes_on_counting(pipeline, event):
    settings, broker = Settings(), MemoryBroker()
    kafka = settings.kafka
    broker.create_topics({kafka.events: 1, kafka.extractions: 1, kafka.dead_letters: 1})
    producer = broker.producer()
    sent = (("x", b"1"), ("x", None), ("medie.redrives", b"no number"))
    await producer.send(kafka.events, key=b"k", value=event("A note.", subject=None), headers=sent)
    topics = Topics(kafka.events, kafka.extractions, kafka.dead_letters)
    for nth in range(3):
        with extract_loop(settings, broker, pipeline, Report()) as loop:
            await loop.run(until_end=True)
        *_, letter = Letters(broker.records(kafka.dead_letters)).all.values()
        assert letter.facts is not None
        assert (letter.facts.error, letter.facts.redrives, letter.facts.attempts) == ("NoSubject", nth, nth + 1)
        await redrive_all(broker, topics)
    *_, last = broker.records(kafka.events)
    assert last.headers[:2] == (("x", b"1"), ("x", None))
    assert len([name for name, _ in last.headers if name.startswith("medie.")]) == 3
