"""What a Bundle would change, told by content."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.model import Json
from medie_fhir.transaction import Standing, changes, changes_nothing, transaction

CODE = {"coding": [{"system": "http://loinc.org", "code": "1", "display": "one"}]}
FACT: Json = {
    "resourceType": "Observation",
    "id": "a",
    "meta": {"profile": ["urn:p"], "tag": [{"system": "urn:t", "code": "x"}]},
    "status": "preliminary",
    "code": CODE,
    "subject": {"reference": "Patient/1"},
    "effectiveDateTime": "2026-01-01T10:00:00Z",
}


def kinds(new: list[Json], *standing: Json, held: list[Json] | None = None) -> dict[str, str]:
    found = changes(transaction(new), new if held is None else held, Standing(resources=standing))
    return {change.place: change.kind for change in found}


def test_what_was_not_there_is_created_and_what_stands_so_is_unchanged() -> None:
    assert kinds([FACT]) == {"Observation/a": "created"}
    assert kinds([FACT], FACT) == {"Observation/a": "unchanged"}


@pytest.mark.parametrize(
    "by_the_server",
    [
        {"meta": {**FACT["meta"], "versionId": "7", "lastUpdated": "2026-02-02T00:00:00Z", "source": "#x"}},
        {"meta": {**FACT["meta"], "tag": [*FACT["meta"]["tag"], {"system": "urn:theirs", "code": "y"}]}},
        {"subject": {"reference": "https://fhir.example.org/Patient/1"}},
        {"effectiveDateTime": "2026-01-01T11:00:00+01:00"},
        {"text": {"status": "generated", "div": "<div/>"}},
        {"note": []},
    ],
)
def test_what_a_server_does_by_itself_is_no_change(by_the_server: dict[str, Any]) -> None:
    assert kinds([FACT], FACT | by_the_server) == {"Observation/a": "unchanged"}


@pytest.mark.parametrize(
    "edit",
    [
        {"meta": {**FACT["meta"], "profile": ["urn:another"]}},
        {"meta": {**FACT["meta"], "tag": [*FACT["meta"]["tag"], {"system": "urn:t", "code": "new"}]}},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "1", "display": "One"}]}},
        {"extension": [{"url": "urn:e", "valueCode": "x"}]},
        {"status": "final"},
        {"subject": {"reference": "Patient/2"}},
    ],
)
def test_whatever_a_mapping_says_otherwise_is_an_update(edit: dict[str, Any]) -> None:
    assert kinds([FACT | edit], FACT) == {"Observation/a": "updated"}


def test_what_is_taken_back_comes_back_or_is_left_to_a_person_is_told_as_that() -> None:
    gone = FACT | {"status": "entered-in-error"}
    assert kinds([gone], FACT, held=[]) == {"Observation/a": "retracted"}
    assert kinds([FACT], gone) == {"Observation/a": "updated"}
    assert kinds([], FACT) == {"Observation/a": "kept"}
    assert kinds([], gone) == {}


VERSION = {"system": "https://medie-fhir.github.io/fhir/document-version", "value": "1"}
ACT: Json = {"resourceType": "Provenance", "id": "p", "entity": [{"role": "source", "what": {"identifier": VERSION}}]}
NEWER = {**ACT, "id": "q", "entity": [{"role": "source", "what": {"identifier": {**VERSION, "value": "2"}}}]}
COPY: Json = {"resourceType": "DocumentReference", "id": "d", "status": "current"}


@pytest.mark.parametrize(
    ("more", "nothing"),
    [
        ([], True),
        ([{**ACT, "id": "of-another-mapping"}], True),
        ([NEWER], False),
        ([{**COPY, "status": "superseded"}], False),
        ([{"resourceType": "Task", "id": "t"}], False),
        ([{**FACT, "status": "final"}], False),
    ],
)
def test_nothing_is_changed_where_only_the_mappings_name_is_another(more: list[Json], nothing: bool) -> None:
    standing = Standing(document=COPY, provenances=(ACT,), resources=(FACT,))
    bundle = transaction([COPY, FACT, ACT, *more] if not more or more[0].get("id") != "a" else [COPY, *more, ACT])
    made = changes(bundle, [FACT], standing)
    assert changes_nothing(bundle, made, standing) is nothing
