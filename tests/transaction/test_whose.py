"""Whose a note's resources are, where the note moves to another patient."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.model import Json, RetractionReason
from medie_fhir.transaction import FACTS, Made, MadeBy, SourceDocuments, Standing, Work, assemble, count_in_error
from medie_fhir.transaction.stamp import is_as_written, stamped
from medie_fhir.transaction.whose import following, left_behind, strangers, without_references

OF_1, OF_2 = {"reference": "Patient/p1"}, {"reference": "Patient/p2"}
COPY: Json = {"resourceType": "DocumentReference", "id": "x", "status": "current", "subject": OF_1}
FACT: Json = {
    "resourceType": "Observation",
    "id": "o",
    "identifier": [{"system": FACTS, "value": "o"}],
    "status": "preliminary",
    "subject": OF_1,
}
GONE: Json = stamped({**FACT, "status": "entered-in-error", "encounter": {"reference": "Encounter/of-p1"}})
EDITED: Json = {**stamped(FACT), "status": "final"}


def moved(make_record: Any, *stands: Json, resources: tuple[Json, ...] = (), **more: Any) -> tuple[list[Json], int]:
    """What is written for the document, which is of p2 now, but for copy and Provenances; how much is taken back."""
    record, standing = make_record("2", subject="Patient/p2", **more), Standing(COPY, (), stands)
    by = MadeBy("m", "t")
    made = Made(record, resources, Work.of(record, by, standing), by)
    bundle = assemble([made], standing, documents=SourceDocuments())
    assert bundle is not None
    written = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Observation"]
    return written, count_in_error(bundle, standing)


@pytest.mark.parametrize(
    ("now", "is_stranger"),
    [
        (EDITED, True),
        ({k: v for k, v in EDITED.items() if k != "subject"}, True),  # of nobody: not known to be the patient's
        ({**EDITED, "subject": OF_2}, False),
        ({**EDITED, "subject": {"reference": "https://fhir.example/r4/Patient/p2/_history/3"}}, False),
        (stamped(FACT), False),  # follows the note
    ],
)
def test_what_a_person_has_edited_for_another_patient_is_a_stranger(
    make_record: Any, now: Json, is_stranger: bool
) -> None:
    document = make_record(subject="Patient/p2").document
    found = strangers(Standing(resources=(now,)), document, [{**FACT, "subject": OF_2}])
    assert found == ({"Observation/o"} if is_stranger else set())


def test_patients_who_are_known_by_identifiers_are_told_apart_by_these(make_record: Any) -> None:
    one, other = ({"identifier": {"system": "urn:mrn", "value": value}} for value in "12")
    document = make_record().document.model_copy(update={"subject": other})
    kept = {**stamped({**FACT, "subject": one}), "status": "final"}
    assert strangers(Standing(resources=(kept,)), document, [{**FACT, "subject": other}]) == {"Observation/o"}
    assert following({**FACT, "subject": one}, document)["subject"] == other
    assert following({**FACT, "subject": other}, document) == {**FACT, "subject": other}


def test_what_is_taken_back_follows_the_note_and_leaves_the_encounter(make_record: Any) -> None:
    ((fact,), retracted) = moved(make_record, stamped({**FACT, "encounter": {"reference": "Encounter/of-p1"}}))
    assert (fact["status"], fact["subject"], retracted) == ("entered-in-error", OF_2, 1)
    assert "encounter" not in fact
    assert is_as_written(fact)


def test_what_was_taken_back_before_follows_too_and_is_not_counted_again(make_record: Any) -> None:
    standing = {**GONE, "meta": {"versionId": "2", "lastUpdated": "2026-01-01T00:00:00Z"}}
    ((fact,), retracted) = moved(make_record, standing)
    assert (fact["subject"], fact["meta"], retracted) == (OF_2, {}, 0)
    assert moved(make_record, {**fact, "meta": {"versionId": "3"}}) == ([], 0), "done again, nothing is left to do"


def test_what_a_person_has_entered_in_error_stays_where_it_is(make_record: Any) -> None:
    assert moved(make_record, {**EDITED, "status": "entered-in-error"}) == ([], 0)


def test_what_says_of_nobody_whose_it_is_is_given_to_nobody(make_record: Any) -> None:
    nobodys = stamped({k: v for k, v in FACT.items() if k != "subject"})
    ((fact,), _) = moved(make_record, nobodys)
    assert "subject" not in fact


def test_a_retraction_moves_nothing(make_record: Any) -> None:
    from_p1 = make_record(subject="Patient/p2")
    assert left_behind(Standing(resources=(GONE,)), frozenset(), from_p1.document) != []
    ((fact,), retracted) = moved(make_record, GONE, stamped({**FACT, "id": "p"}), retracted=RetractionReason.DELETED)
    assert (fact["id"], fact["subject"], retracted) == ("p", OF_1, 1)


def test_what_names_its_patient_by_another_element_keeps_it(make_record: Any) -> None:
    theirs = {"resourceType": "DeviceUseStatement", "id": "d", "patient": OF_1}
    assert following(theirs, make_record(subject="Patient/p2").document) == {**theirs, "patient": OF_2}


def test_what_is_taken_back_loses_its_references_to_what_stays_the_former_patients(make_record: Any) -> None:
    cancer = {**EDITED, "resourceType": "Condition", "id": "c", "verificationStatus": {"coding": [{"code": "refuted"}]}}
    to_it = {"reference": "https://fhir.example/Condition/c"}
    profile = {"profile": ["urn:asks-for-a-focus"], "source": "DocumentReference/d1"}
    stage = stamped(
        {**FACT, "meta": profile, "focus": [to_it], "extension": [{"url": "urn:of", "valueReference": to_it}]}
    )
    ((fact,), retracted) = moved(make_record, cancer, stage)
    assert (fact["subject"], fact["meta"], retracted) == (OF_2, {"source": "DocumentReference/d1"}, 1)
    assert not {"focus", "extension"} & fact.keys()
    assert is_as_written(fact)


def test_references_to_others_are_left() -> None:
    both: Json = {
        **FACT,
        "meta": {"profile": ["urn:p"]},
        "focus": [{"reference": "Condition/a"}, {"reference": "Condition/b"}],
    }
    assert without_references(both, {"Condition/c"}) is both
    assert without_references(both, {"Condition/a"})["focus"] == [{"reference": "Condition/b"}]
