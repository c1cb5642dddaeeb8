"""A letter's headers: the sender's come through as they are, ours say what happened and go on counting."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.broker import Message
from consumers.dead_letters.headers import (
    NAMES,
    dead_letter_headers,
    document_hash,
    number,
    original_headers,
    our_headers,
    redrive_headers,
)
from medie_fhir.blame import in_task
from medie_fhir.errors import HashMismatch
from medie_fhir.telemetry import passing_on

SECRET = "Mrs. Jones has a melanoma"
MESSAGE = Message("notes", 3, 41, b"key", b"\xffvalue", (("a", b"1"), ("a", None)), 7)
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

names = st.text(max_size=12) | st.sampled_from(["traceparent", "ce_id", "a"])
headers = st.lists(st.tuples(names, st.none() | st.binary(max_size=12)), max_size=6).map(tuple)


@given(headers)
def test_the_senders_headers_come_back_as_they_were_however_often_they_come_and_whatever_they_hold(sent):
    letter = dead_letter_headers(MESSAGE._replace(headers=sent), ValueError(), stage="extract", attempts=1)
    assert original_headers(letter) == original_headers(sent)
    assert set(our_headers(letter)) <= NAMES


@given(headers, st.integers(1, 5))
def test_a_record_that_fails_again_and_again_has_each_header_of_ours_once_and_its_attempts_are_added_up(sent, times):
    message = MESSAGE._replace(headers=sent)
    for nth in range(times):
        letter = Message("dead", 0, nth, b"key", b"", dead_letter_headers(message, ValueError(), stage="s", attempts=2))
        ours = [name for name, _ in letter.headers[len(original_headers(sent)) :]]
        assert len(ours) == len(set(ours))
        assert number(our_headers(letter.headers)["medie.attempts"]) == 2 * (nth + 1)
        assert number(our_headers(letter.headers).get("medie.redrives")) == (nth or None)
        again = (*original_headers(letter.headers), *redrive_headers(letter))
        assert dict(again)["medie.redrive.of"] == f"dead:0:{nth}".encode()
        message = message._replace(headers=again)
    assert original_headers(message.headers) == original_headers(sent)


@pytest.mark.parametrize(
    "error", [HashMismatch(SECRET), ValueError(SECRET), json.JSONDecodeError(SECRET, SECRET, 0), KeyError(SECRET)]
)
def test_no_header_holds_an_errors_text(error):
    told = dead_letter_headers(MESSAGE, error, stage="extract", attempts=1, key=SECRET)
    assert "Jones" not in "".join(name + (part or b"").decode() for name, part in told)


def test_a_document_that_is_not_known_is_left_out():
    assert "medie.document" not in dict(dead_letter_headers(MESSAGE, ValueError(), stage="extract", attempts=1))


def test_within_a_trace_its_headers_take_the_place_of_the_senders():
    message = MESSAGE._replace(headers=(("traceparent", b"old"), ("a", b"1")))
    with passing_on({"traceparent": PARENT}):
        told = dead_letter_headers(message, ValueError(), stage="extract", attempts=1)
    assert [value for name, value in told if name == "traceparent"] == [PARENT.encode()]
    outside = dead_letter_headers(message, ValueError(), stage="extract", attempts=1)
    assert outside[:2] == message.headers


def test_the_hash_of_a_document_is_short_and_its_own():
    hashes = {document_hash(key) for key in ("lab|DocumentReference/1", "|DocumentReference/1", "lab|urn:x|1")}
    assert [len(found) for found in hashes] == [16, 16, 16]


@pytest.mark.parametrize("value", [None, b"", b"-1", b"1.0", b" 1", b"1e3", "١".encode(), b"9" * 19, b"\xff"])
def test_a_header_that_is_no_plain_number_is_none(value):
    assert number(value) is None


def test_numbers_that_a_sender_forged_do_no_harm():
    message = MESSAGE._replace(headers=(("medie.redrives", b"many"), ("medie.attempts", None), ("medie.settles", b"x")))
    told = our_headers(dead_letter_headers(message, ValueError(), stage="extract", attempts=1))
    assert told["medie.attempts"] == b"1"
    assert not {"medie.redrives", "medie.settles"} & told.keys()


def test_the_task_is_told_where_the_error_tells_it_and_the_last_one_where_it_failed_before():
    with pytest.raises(HashMismatch) as raised, in_task("cardiology"):
        raise HashMismatch(SECRET)
    letter = dead_letter_headers(MESSAGE, raised.value, stage="publish", attempts=1)
    assert our_headers(letter)["medie.task"] == b"cardiology"
    again = MESSAGE._replace(headers=letter)
    assert "medie.task" not in our_headers(dead_letter_headers(again, HashMismatch(SECRET), stage="s", attempts=1))
