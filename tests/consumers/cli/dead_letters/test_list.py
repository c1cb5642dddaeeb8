"""Which letters there are, and which are meant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from consumers.cli.dead_letters_options import instant_ms
from consumers.dead_letters import document_hash
from medie_fhir.errors import FhirRejected, HashMismatch, NotJson

EVENTS, EXTRACTIONS, DEAD = "ehr.document-references", "medie.extractions", "medie.dead-letters"


KEY, VALUE, HEADER = "Zyxomunda", "qwolvarcoma", "brixolated"


JONES = f'{{"text": "{VALUE}", "n": [1]}}'.encode()


def test_list_shows_each_letter_that_is_open_and_counts_them_by_class(desk: Any) -> None:
    desk.condemn(NotJson())
    desk.condemn(FhirRejected(), stage="publish", document="lab|DocumentReference/1")
    desk.condemn(NotJson())
    told = desk("list")
    assert told.exit_code == 0
    lines = [line.split() for line in told.stdout.splitlines()]
    assert [line[0] for line in lines] == ["id", "0:0", "0:1", "0:2", "open:"]
    assert lines[2][2:] == [
        *("publish", "FhirRejected", f"{EXTRACTIONS}[0]@41", "2", "0"),
        *(document_hash("lab|DocumentReference/1"), str(len(JONES))),
    ]
    assert lines[-1] == ["open:", "3", "(NotJson", "2,", "FhirRejected", "1);", "settled:", "0"]


def test_a_filter_that_fits_none_is_told_with_what_there_is(desk: Any) -> None:
    desk.condemn(NotJson())
    told = desk("list", "--class", "NotJsn")
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (0, "open: 0; settled: 0")
    assert told.stderr == "none fits what is given; of those read, open: 1 (NotJson 1); settled: 0\n"


def test_a_stage_that_is_none_is_wrong_use(desk: Any) -> None:
    desk.condemn(NotJson())
    told = desk("list", "--stage", "extrakt")
    assert told.exit_code == 2
    assert "a stage is extract or publish" in told.stderr


def test_of_very_many_letters_a_person_sees_the_latest_and_how_many_there_are(desk: Any) -> None:
    for offset in range(205):
        desk.condemn(NotJson(), offset=offset)
    *lines, summary, counted = desk("list").stdout.splitlines()
    assert [lines[1].split()[0], lines[-1].split()[0]] == ["0:5", "0:204"]
    assert summary == "the latest 200 of 205; `list --json` shows all"
    assert counted == "open: 205 (NotJson 205); settled: 0"
    assert len(desk.listed()) == 205


def test_a_letter_that_is_named_and_does_not_fit_the_other_options_is_not_meant(desk: Any) -> None:
    desk.condemn(NotJson())
    told = desk("redrive", "0:0", "--since", "2124-01-01")
    assert (told.exit_code, told.stdout, told.stderr) == (0, "none\n", "")
    assert desk.sent() == []


def test_a_program_gets_one_object_a_letter(desk: Any) -> None:
    desk.condemn(HashMismatch(), document="|DocumentReference/1")
    [letter] = desk.listed()
    assert letter.pop("written").startswith("20")
    del letter["topic"], letter["partition"], letter["offset"], letter["stage"]  # as in the table
    assert letter == {
        "id": "0:0",
        "class": "HashMismatch",
        "attempts": 2,
        "redrives": 0,
        "document": document_hash("|DocumentReference/1"),
        "omitted": False,
        "bytes": len(JONES),
        "settled": None,
        "ours": True,
    }


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("--class", "NotJson"), ["0:0"]),
        (("--class", "NotJson", "--class", "FhirRejected"), ["0:0", "0:1"]),
        (("--stage", "publish"), ["0:1"]),
        (("--topic", EXTRACTIONS), ["0:1"]),
        (("--reference", "DocumentReference/1", "--source", "lab"), ["0:1"]),
        (("--reference", "DocumentReference/1"), []),
        (("--document", document_hash("lab|DocumentReference/1")), ["0:1"]),
        (("--since", "1h"), ["0:0", "0:1", "0:2"]),
        (("--since", "2124-01-01"), []),
        (("--until", "1h"), []),
        (("0:2", "0:0"), ["0:0", "0:2"]),
    ],
)
def test_letters_are_found_by_what_they_say(desk: Any, filters: tuple[str, ...], expected: list[str]) -> None:
    desk.condemn(NotJson())
    desk.condemn(FhirRejected(), stage="publish", document="lab|DocumentReference/1")
    desk.write(b"another's")
    assert [letter["id"] for letter in desk.listed(*filters)] == expected


@pytest.mark.parametrize(
    "wrong",
    [
        ("list", "--since", "yesterday"),
        ("list", "--until", "5w"),
        ("list", "--document", "abc"),
        ("list", "--document", "0" * 16, "--reference", "a"),
        ("list", "first"),
        ("show", "17"),
        ("show", "0:17"),
        ("redrive",),
        ("discard",),
        ("redrive", "--all", "0:0"),
        ("redrive", "0:0", "--limit", "0"),
    ],
)
def test_wrong_use_is_said_and_nothing_done(desk: Any, wrong: tuple[str, ...]) -> None:
    desk.condemn(NotJson())
    told = desk(*wrong)
    assert told.exit_code == 2
    assert "Traceback" not in told.output
    assert desk.sent() == []


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("90s", 1_000_000_000_000 - 90_000),
        ("2h", 1_000_000_000_000 - 7_200_000),
        ("1970-01-01T00:00:01", 1000),
        ("1970-01-01T01:00:01+01:00", 1000),
        ("1970-01-02", 86_400_000),
    ],
)
def test_a_time_is_an_age_or_an_instant(text: str, ms: int) -> None:
    assert instant_ms(text, "--since", datetime.fromtimestamp(1_000_000_000, UTC)) == ms
