"""Whose word it is: the signs by which someone else's shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from medie_fhir.model import DocumentInfo, Json
from medie_fhir.transaction.identity import FACTS, document_id
from medie_fhir.transaction.judged import decided, judged
from medie_fhir.transaction.stamp import stamped
from medie_fhir.transaction.standing import VERSION_SYSTEM, Standing, retracted

DOCUMENT = DocumentInfo(reference="DocumentReference/d1")
OURS = f"DocumentReference/{document_id(DOCUMENT)}"
CONDITION: Json = {
    "resourceType": "Condition",
    "id": "c",
    "meta": {"source": OURS},
    "identifier": [{"system": FACTS, "value": "c"}],
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "verificationStatus": {"coding": [{"code": "unconfirmed"}]},
}
OBSERVATION: Json = {
    "resourceType": "Observation",
    "id": "o",
    "meta": {"source": OURS},
    "identifier": [{"system": FACTS, "value": "o"}],
    "status": "preliminary",
}


def ours(recorded: str = "2026-01-02T00:00:00Z", *targets: str) -> Json:
    entity = [{"role": "source", "what": {"identifier": {"system": VERSION_SYSTEM, "value": "1"}}}]
    return {"resourceType": "Provenance", "id": "p", "recorded": recorded, "entity": entity} | {
        "target": [{"reference": t} for t in targets or ("Condition/c", "Observation/o")]
    }


def theirs(recorded: str | None, target: str = "Condition/c") -> Json:
    return {"resourceType": "Provenance", "id": "t", "recorded": recorded, "target": [{"reference": target}]}


def found(*resources: Json, others: tuple[Json, ...] = (), new: tuple[Json, ...] = ()) -> set[str]:
    return set(judged(Standing(None, (ours(),), resources, others), DOCUMENT, new))


def test_what_we_write_and_take_back_is_nobody_elses() -> None:
    for make in (stamped, dict):
        written = [make(CONDITION), make(OBSERVATION)]
        assert found(*written) == set()
        assert found(*map(make, retracted(written, frozenset()))) == set()


def test_a_status_that_says_so_is_a_persons() -> None:
    assert not decided(CONDITION)
    assert not decided(OBSERVATION)
    confirmed = {**CONDITION, "verificationStatus": {"coding": [{"code": "refuted"}]}}
    final = {**OBSERVATION, "status": "final"}
    assert found(confirmed, final) == {"Condition/c", "Observation/o"}


def test_a_status_that_the_mapping_writes_itself_is_not() -> None:
    final = {**OBSERVATION, "status": "final"}
    assert found(final, new=(final,)) == set()
    assert found(stamped(final)) == set(), "the stamp vouches for it, though the note no longer says it"


def test_content_that_is_not_what_the_stamp_says_is_a_persons() -> None:
    note = [{"text": "Discussed."}]
    assert found({**stamped(CONDITION), "note": note}) == {"Condition/c"}
    assert found({**OBSERVATION, "note": note}) == set(), "of an older release, and there is no telling"


def test_what_has_lost_its_stamp_alone_is_a_persons() -> None:
    assert found(stamped(CONDITION), OBSERVATION) == {"Observation/o"}
    taken_back_by_an_older_release = {**OBSERVATION, "status": "entered-in-error"}
    assert found(stamped(CONDITION), taken_back_by_an_older_release) == set()


def test_a_subject_that_the_note_has_too_by_now_is_a_merge_and_any_other_a_persons() -> None:
    moved = {**stamped({**CONDITION, "subject": {"reference": "Patient/p1"}}), "subject": {"reference": "Patient/p2"}}
    copy = {"resourceType": "DocumentReference", "subject": {"reference": "Patient/p2"}}
    of_p2 = DOCUMENT.model_copy(update={"subject": {"reference": "Patient/p2"}})
    assert judged(Standing(None, (ours(),), (moved,)), of_p2, ()) == frozenset()
    assert judged(Standing(copy, (ours(),), (moved,)), DOCUMENT, ()) == frozenset()
    assert judged(Standing(None, (ours(),), (moved,)), DOCUMENT, ()) == {"Condition/c"}


def test_what_a_client_has_saved_without_our_identifiers_is_its_own() -> None:
    assert found({k: v for k, v in stamped(CONDITION).items() if k != "identifier"}) == {"Condition/c"}


def test_what_a_person_has_entered_in_error_is_theirs_and_what_we_have_is_ours() -> None:
    by_us = stamped({**OBSERVATION, "status": "entered-in-error"})
    by_them = {**stamped(OBSERVATION), "status": "entered-in-error"}
    assert found(by_us) == set()
    assert found(by_them) == {"Observation/o"}


@pytest.mark.parametrize(
    ("source", "is_theirs"),
    [
        (OURS, False),
        (f"{OURS}#0123456789", False),
        (f"https://fhir.example/r4/{OURS}", False),
        ("DocumentReference/d1", False),  # of the settings' other way to refer to the document
        (None, False),
        ("urn:another-client#77", True),
        ("#77", False),  # HAPI, of a client that gave none, or where it keeps no more
    ],
)
def test_another_source_is_another_writer(source: str | None, is_theirs: bool) -> None:
    meta: Json = {"source": source} if source is not None else {}
    assert found(stamped({**CONDITION, "meta": meta})) == ({"Condition/c"} if is_theirs else set())


def test_what_was_saved_without_a_source_and_without_our_stamp_is_another_writers() -> None:
    assert found({**CONDITION, "meta": {"source": "#77"}}) == {"Condition/c"}


@pytest.mark.parametrize(
    ("recorded", "is_theirs"),
    [
        ("2026-01-02T00:00:01Z", True),
        ("2026-01-02T01:00:00+02:00", False),
        ("2026-01-02T00:00:00Z", False),
        ("2026-02-01", True),
        (None, True),
        ("soon", True),
    ],
)
def test_a_provenance_of_someone_elses_counts_where_it_came_after_ours(recorded: str | None, is_theirs: bool) -> None:
    named = found(stamped(CONDITION), stamped(OBSERVATION), others=(theirs(recorded),))
    assert named == ({"Condition/c"} if is_theirs else set())


def test_it_is_the_last_of_ours_that_it_must_come_after() -> None:
    standing = Standing(None, (ours(), ours("2026-03-01T00:00:00Z", "Observation/o")), (stamped(OBSERVATION),))
    for recorded, expected in (("2026-02-01T00:00:00Z", set()), ("2026-03-02T00:00:00Z", {"Observation/o"})):
        others = (theirs(recorded, "https://fhir.example/Observation/o/_history/2"),)
        assert judged(replace(standing, others=others), DOCUMENT, ()) == expected


def test_where_none_of_ours_names_it_any_of_theirs_counts() -> None:
    lost: Any = Standing({"resourceType": "DocumentReference"}, (), (stamped(CONDITION),), (theirs("2000-01-01"),))
    assert judged(lost, DOCUMENT, ()) == {"Condition/c"}
