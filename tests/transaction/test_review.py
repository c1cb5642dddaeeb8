"""The Tasks that ask a reviewer to look again."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.task import Task

from medie_fhir.model import Json, RetractionReason
from medie_fhir.transaction import Standing, tasks, transaction, without
from medie_fhir.transaction.review import REASONS, review_tasks
from medie_fhir.transaction.stamp import stamped

FACT: Json = {
    "resourceType": "Observation",
    "id": "o",
    "status": "preliminary",
    "subject": {"reference": "Patient/p1"},
    "valueString": "IV",
}
JUDGED: Json = {**stamped(FACT), "status": "final"}
AT = "2026-01-02T10:00:00Z"


def asked(record: Any, resources: list[Json], standing: Json = JUDGED, judged: str = "Observation/o") -> list[Json]:
    return review_tasks(record, resources, Standing(resources=(standing,)), {judged}, AT)


def reasons(made: list[Json]) -> list[str]:
    return [t["reasonCode"]["coding"][0]["code"] for t in made]


def test_a_note_that_says_what_it_said_asks_for_nothing(make_record: Any) -> None:
    assert asked(make_record(), [FACT]) == []
    assert asked(make_record(), [{**FACT, "meta": {"source": "x"}, "issued": AT}]) == []


def test_a_note_that_is_read_differently_is_told_once_for_each_reading(make_record: Any) -> None:
    readings = (("2", "III"), ("3", "III"), ("4", "II"))
    first, again, other = (asked(make_record(v), [{**FACT, "valueString": stage}]) for v, stage in readings)
    assert reasons(first) == ["read-differently"]
    assert first == again
    assert first[0]["id"] != other[0]["id"]


def test_a_note_that_is_another_patients_by_now_is_told_and_a_merge_is_not(make_record: Any) -> None:
    moved = {**FACT, "subject": {"reference": "Patient/p2"}}
    assert reasons(asked(make_record("2"), [moved])) == ["note-of-another-patient"]
    assert asked(make_record("2"), [moved], {**JUDGED, "subject": moved["subject"]}) == []
    assert asked(make_record("2"), [FACT], {k: v for k, v in JUDGED.items() if k != "subject"}) == []


def test_what_the_note_no_longer_says_is_told(make_record: Any) -> None:
    assert reasons(asked(make_record("2"), [])) == ["no-longer-read"]


@pytest.mark.parametrize("reason", RetractionReason)
def test_a_note_that_no_longer_holds_is_told_with_its_reason(make_record: Any, reason: RetractionReason) -> None:
    assert reasons(asked(make_record("2", retracted=reason), [])) == [f"note-{reason.value}"]


def test_what_nobody_has_changed_is_not_asked_about(make_record: Any) -> None:
    assert asked(make_record("2"), [], judged="Observation/another") == []


def test_what_a_person_has_entered_in_error_needs_no_look_where_the_note_agrees(make_record: Any) -> None:
    assert asked(make_record("2"), [], {**JUDGED, "status": "entered-in-error"}) == []


def test_what_an_older_release_wrote_tells_not_what_the_note_said(make_record: Any) -> None:
    unstamped = {k: v for k, v in JUDGED.items() if k != "identifier"}
    assert asked(make_record("2"), [{**FACT, "valueString": "III"}], unstamped) == []
    assert reasons(asked(make_record("2"), [], unstamped)) == ["no-longer-read"]


def test_a_task_is_r4_says_what_and_whose_and_holds_no_word_of_the_note(make_record: Any) -> None:
    (task,) = asked(make_record("2"), [])
    Task.model_validate(task)
    assert (task["status"], task["intent"]) == ("requested", "proposal")
    assert (task["focus"], task["for"]) == ({"reference": "Observation/o"}, {"reference": "Patient/p1"})
    assert task["reasonCode"]["text"] == REASONS["no-longer-read"]
    assert task["authoredOn"] == AT
    assert "IV" not in str(task)


def test_a_task_that_stands_is_left_out(make_record: Any) -> None:
    (task,) = asked(make_record("2"), [])
    bundle = transaction([FACT, task])
    assert tasks(bundle) == [f"Task/{task['id']}"]
    assert [e["resource"] for e in without(bundle, tasks(bundle))["entry"]] == [FACT]
    assert without(bundle, []) == bundle
