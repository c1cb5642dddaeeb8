"""What is on the topic of dead letters is read again, whoever wrote it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.broker import Message
from consumers.dead_letters import Letter, LetterId, Letters, Selection, Settled, dead_letter_headers, document_hash
from consumers.dead_letters.headers import NAMES
from medie_fhir.errors import HashMismatch, NotJson

RECORD = Message("notes", 3, 41, b"key", b"value", (("a", b"1"),), 7)


def letter_message(offset: int = 0, *, error: Exception | None = None, at_ms: int = 1000, **more) -> Message:
    told = {"stage": "extract", "attempts": 1, "key": None} | more
    headers = dead_letter_headers(RECORD, error or NotJson(), **told)
    return Message("dead", 0, offset, b"key", b"value", headers, at_ms)


def marker(of: str, how: str = "redriven", *more, offset: int = 9) -> Message:
    headers = (("medie.settles", of.encode()), ("medie.settled", how.encode()), *more)
    return Message("dead", 0, offset, b"key", b"", headers, 2000)


def test_a_letter_tells_of_its_record():
    letter = Letter.of(letter_message(5, attempts=2, key="lab|DocumentReference/1"))
    assert (str(letter.id), letter.written_ms, letter.size) == ("0:5", 1000, 5)
    facts = letter.facts
    assert (facts.topic, facts.partition, facts.offset, facts.timestamp_ms) == ("notes", 3, 41, 7)
    assert (facts.stage, facts.error, facts.attempts, facts.redrives) == ("extract", "NotJson", 2, 0)
    assert (facts.document, facts.omitted) == (document_hash("lab|DocumentReference/1"), False)


def test_a_letter_does_not_show_its_key_by_accident():
    assert b"key" not in repr(Letter.of(letter_message())).encode()


forged = st.lists(
    st.tuples(
        st.sampled_from([*sorted(NAMES), "medie.settles", "medie.settled", "x"]),
        st.none() | st.binary(max_size=8) | st.sampled_from([b"dead:0:1", b"redriven", b"notes", b"3", b"extract"]),
    ),
    max_size=14,
)


@given(forged, st.none() | st.binary(max_size=3), st.none() | st.binary(max_size=3))
def test_whatever_is_on_the_topic_is_a_letter_or_a_marker_and_never_a_crash(headers, key, value):
    letters = Letters([Message("dead", 0, 1, key, value, tuple(headers), -1)])
    assert len(letters.all) + len(letters.settled) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("__connect.errors.topic", b"no topic"),
        ("__connect.errors.topic", b""),
        ("__connect.errors.partition", b"-1"),
        ("__connect.errors.offset", None),
        ("__connect.errors.stage", b"\x1b[31m"),
        ("medie.error.class", b"Mrs. Jones"),
        ("medie.error.class", "Jönes".encode()),
    ],
)
def test_a_record_with_a_broken_header_is_not_ours(name, value):
    message = letter_message()
    headers = tuple((n, value if n == name else v) for n, v in message.headers)
    assert Letter.of(message._replace(headers=headers)).facts is None


def test_a_marker_settles_the_letter_that_it_names_and_no_other():
    letters = Letters([letter_message(0), letter_message(1), marker("dead:0:1", "discarded")])
    assert letters.settled == {LetterId(0, 1): Settled.DISCARDED}
    assert list(letters.all) == [LetterId(0, 0), LetterId(0, 1)]


def test_of_a_topic_that_was_copied_under_another_name_the_markers_mean_nothing():
    letters = Letters([letter_message(0), marker("other:0:0")])
    assert letters.settled == {}
    assert letters.all[LetterId(0, 9)].facts is None


@pytest.mark.parametrize("of", ["dead:0", "dead:0:x", "dead", "", "dead:0:0:0", "dead:-1:0"])
def test_a_marker_that_names_no_letter_is_not_ours(of):
    assert Letters([marker(of)]).settled == {}
    assert Letters([marker("dead:0:0", "burnt")]).settled == {}


def test_no_sender_can_settle_a_letter_by_a_header_of_its_own():
    record = RECORD._replace(headers=(("medie.settles", b"dead:0:0"), ("medie.settled", b"discarded")))
    headers = dead_letter_headers(record, NotJson(), stage="extract", attempts=1)
    old_style = (*record.headers, *headers)
    for told in (headers, old_style):
        assert Letters([Message("dead", 0, 1, b"key", b"value", told)]).settled == {}


@pytest.mark.parametrize("text", ["", "1", "1:", ":1", "1:2:3", "-1:2", "a:b", "1 :2", "1:2\n"])
def test_what_is_no_id_is_refused(text):
    with pytest.raises(ValueError, match="partition:offset"):
        LetterId.parse(text)


@given(st.integers(0, 10**6), st.integers(0, 10**15))
def test_an_id_is_read_as_it_is_shown(partition, offset):
    assert LetterId.parse(str(LetterId(partition, offset))) == (partition, offset)


MEANT = [
    Selection(),
    Selection(ids=frozenset({LetterId(0, 0)})),
    Selection(errors=frozenset({"NotJson", "Other"})),
    Selection(stage="extract"),
    Selection(topic="notes"),
    Selection(document=document_hash("a|b")),
    Selection(since_ms=1000),
    Selection(until_ms=1001),
    Selection(stage="extract", topic="notes", since_ms=1000, until_ms=1001),
]
NOT_MEANT = [
    Selection(ids=frozenset({LetterId(0, 1)})),
    Selection(errors=frozenset({"Other"})),
    Selection(stage="publish"),
    Selection(topic="note"),
    Selection(document=document_hash("a|c")),
    Selection(since_ms=1001),
    Selection(until_ms=1000),
    Selection(stage="extract", topic="other"),
]


@pytest.mark.parametrize(("meant", "taken"), [*((m, True) for m in MEANT), *((m, False) for m in NOT_MEANT)])
def test_a_letter_is_meant_when_it_fits_all_that_is_given(meant, taken):
    assert meant.takes(Letter.of(letter_message(error=NotJson(), key="a|b"))) is taken


def test_what_is_not_ours_is_meant_by_its_id_or_time_and_by_no_fact():
    stranger = Letter.of(Message("dead", 0, 0, None, b"x", (), 1000))
    assert Selection(ids=frozenset({LetterId(0, 0)}), since_ms=1000).takes(stranger)
    assert not any(m.takes(stranger) for m in MEANT if m.errors or m.stage or m.topic or m.document)


def test_letters_of_before_this_release_are_read_too():
    headers = tuple(h for h in letter_message(error=HashMismatch()).headers if h[0] != "medie.timestamp")
    facts = Letter.of(Message("dead", 0, 0, b"key", b"value", headers)).facts
    assert (facts.error, facts.timestamp_ms) == ("HashMismatch", None)
