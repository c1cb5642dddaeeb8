"""A dead letter is the whole record, and says what happened without a word of the note."""

from __future__ import annotations

import hashlib

import pytest

from consumers.broker import Message
from consumers.dead_letters import DeadLetters
from consumers.memory_broker import MemoryBroker
from medie_fhir.errors import BrokerRefused, HashMismatch, RecordTooLarge

SECRET = "Mrs. Jones has a melanoma"
MESSAGE = Message("notes", 3, 41, b"key", b"\xffvalue", (("a", b"1"), ("a", None)), 7)


@pytest.fixture
def broker():
    broker = MemoryBroker(max_record_bytes=2000)
    broker.create_topics({"dead": 1})
    return broker


async def test_a_dead_letter_is_the_original_record_with_its_place_and_the_class_of_the_error(broker):
    letters = DeadLetters(broker.producer(), "dead")
    await letters.send(MESSAGE, HashMismatch(SECRET), stage="extract", attempts=2, key="lab|DocumentReference/1")
    [letter] = broker.records("dead")
    assert (letter.key, letter.value) == (b"key", b"\xffvalue")
    assert letter.headers[:2] == MESSAGE.headers
    assert dict(letter.headers[2:]) == {
        "__connect.errors.topic": b"notes",
        "__connect.errors.partition": b"3",
        "__connect.errors.offset": b"41",
        "__connect.errors.stage": b"extract",
        "__connect.errors.exception.class.name": b"medie_fhir.errors.HashMismatch",
        "medie.error.class": b"HashMismatch",
        "medie.attempts": b"2",
        "medie.timestamp": b"7",
        "medie.document": hashlib.sha256(b"lab|DocumentReference/1").hexdigest()[:16].encode(),
    }


async def test_a_record_too_large_for_the_topic_is_kept_by_reference(broker):
    large = Message("notes", 3, 41, b"key", b"x" * 3000, (("big", b"y" * 3000),))
    await DeadLetters(broker.producer(), "dead").send(large, HashMismatch(""), stage="extract", attempts=1)
    [letter] = broker.records("dead")
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["medie.value"]) == (b"key", b"", b"omitted")
    assert (headers["__connect.errors.partition"], headers["__connect.errors.offset"]) == (b"3", b"41")
    assert "big" not in headers


async def test_what_can_not_be_written_at_all_is_said(broker):
    huge = Message("notes", 3, 41, b"k" * 3000, b"")
    with pytest.raises(RecordTooLarge):
        await DeadLetters(broker.producer(), "dead").send(huge, HashMismatch(""), stage="extract", attempts=1)
    with pytest.raises(BrokerRefused):
        await DeadLetters(broker.producer(), "nowhere").send(MESSAGE, HashMismatch(""), stage="extract", attempts=1)
