"""Letters that are sent again, done here and now, or discarded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from consumers.cli.dead_letters_settle import Order, tell
from consumers.dead_letters import DeadLetters, Letter, LetterId, Result, Selection
from medie_fhir.errors import FhirRejected, NotJson

EVENTS, EXTRACTIONS, DEAD = "ehr.document-references", "medie.extractions", "medie.dead-letters"


KEY, VALUE, HEADER = "Zyxomunda", "qwolvarcoma", "brixolated"


JONES = f'{{"text": "{VALUE}", "n": [1]}}'.encode()


def test_a_record_of_anothers_is_listed_as_not_ours_and_never_sent_anywhere(desk: Any) -> None:
    desk.write(b"x", ("__connect.errors.topic", b"payroll\x1b[31m"), ("medie.error.class", KEY.encode()))
    desk.write(b"x", ("medie.settles", f"{DEAD}:0:99x".encode()))
    assert [(letter["id"], letter["ours"], letter["class"]) for letter in desk.listed()] == [
        ("0:0", False, None),
        ("0:1", False, None),
    ]
    assert "not ours 2" in desk("list").stdout
    told = desk("redrive", "--all")
    assert told.exit_code == 1
    assert told.stderr.count("not a dead letter of ours") == 2
    assert desk("discard", "--all").exit_code == 0
    assert desk.listed() == []


def test_a_letter_that_names_a_topic_which_is_not_ours_is_refused(desk: Any) -> None:
    desk.broker.create_topics({"payroll": 1})
    desk.condemn(NotJson(), topic="payroll")
    told = desk("redrive", "0:0")
    assert told.exit_code == 1
    assert "0:0: came from payroll, which is none of our topics" in told.stderr
    assert desk.sent("payroll") == []


def test_a_record_is_sent_again_as_it_was_and_done_again_nothing_is(desk: Any) -> None:
    desk.condemn(NotJson())
    told = desk("redrive", "0:0")
    assert (told.exit_code, told.stdout) == (0, "sent again: 1\n")
    [sent] = desk.sent()
    assert (sent.key, sent.value, sent.timestamp_ms) == (KEY.encode(), JONES, 1_700_000_000_000)
    assert sent.headers[:2] == (("x", HEADER.encode()), ("note", None))
    assert dict(sent.headers)["medie.redrive.of"] == f"{DEAD}:0:0".encode()
    again = desk("redrive", "0:0")
    assert (again.exit_code, again.stdout) == (0, "settled before: 1\n")
    assert len(desk.sent()) == 1
    assert desk.listed() == []
    assert [letter["settled"] for letter in desk.listed("--settled")] == ["redriven"]


def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(desk: Any) -> None:
    desk.condemn(NotJson())
    told = desk("redrive", "--all", "--dry-run")
    assert told.exit_code == 0
    assert told.stdout.splitlines()[-1] == "to be sent again: 1"
    assert "0:0" in told.stdout
    assert len(desk.broker.records(DEAD)) == 1


def test_a_record_that_was_sent_again_too_often_is_refused(desk: Any) -> None:
    desk.condemn(NotJson())
    letters = DeadLetters(desk.broker.producer(), DEAD)
    for _ in range(3):
        assert desk("redrive", "--all").exit_code == 0
        asyncio.run(letters.send(desk.sent()[-1], NotJson(), stage="extract", attempts=2))
    [letter] = desk.listed()
    assert (letter["redrives"], letter["attempts"]) == (3, 8)
    told = desk("redrive", "--all")
    assert told.exit_code == 1
    assert "sent again 3 times already" in told.stderr
    assert len(desk.sent()) == 3
    assert desk("redrive", "--all", "--limit", "4").exit_code == 0


def test_many_need_a_yes(desk: Any) -> None:
    for _ in range(11):
        desk.condemn(NotJson())
    told = desk("redrive", "--all")
    assert told.exit_code == 2
    assert "11 letters" in told.stderr
    assert desk.sent() == []
    assert desk("redrive", "--all", "--yes").stdout == "sent again: 11\n"


def test_a_letter_that_is_not_there_is_told_and_the_others_are_done(desk: Any) -> None:
    desk.condemn(NotJson())
    told = desk("redrive", "0:0", "0:7")
    assert told.exit_code == 1
    assert "0:7: no such letter" in told.stderr
    assert len(desk.sent()) == 1


def test_a_discarded_letter_is_listed_no_more_and_not_sent(desk: Any) -> None:
    desk.condemn(NotJson())
    assert desk("discard", "--class", "NotJson").stdout == "discarded: 1\n"
    assert desk.listed() == []
    assert desk("redrive", "0:0").stdout == "settled before: 1\n"
    assert desk.sent() == []


def test_inline_says_why_a_record_fails_where_and_leaves_its_letter_open(desk: Any) -> None:
    desk.condemn(FhirRejected(), stage="publish", value=b"{}")
    told = desk("redrive", "0:0", "--inline")
    assert told.exit_code == 1
    assert told.stderr.startswith("0:0: RecordError at medie_fhir.model.record:")
    assert told.stdout == "failed: 1\n"
    assert [letter["id"] for letter in desk.listed()] == ["0:0"]
    assert desk.sent(EXTRACTIONS) == []


def test_of_a_fault_of_the_program_the_text_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    letter = Letter(LetterId(0, 3), 0, 0, None, None)
    tell(Result(letter, KeyError(VALUE)), Order("inline", Selection()))
    assert capsys.readouterr().err == "0:3: KeyError at ?\n"


def test_inline_settles_what_is_done(desk: Any) -> None:
    desk.condemn(FhirRejected(), stage="publish", value=None)
    told = desk("redrive", "0:0", "--inline")
    assert (told.exit_code, told.stdout) == (0, "0:0: done\ndone: 1\n")
    assert desk.listed() == []


def test_inline_has_no_worker_for_an_unknown_stage(desk: Any) -> None:
    desk.condemn(NotJson(), stage="triage", topic=EVENTS)
    told = desk("redrive", "0:0", "--inline")
    assert told.exit_code == 1
    assert "failed at triage, which is no stage of this release" in told.stderr
