"""What stands, and what no longer holds."""

from typing import Any

import pytest

from medie_fhir.model import DocumentVersion, ExtractionRecord, Json, RetractionReason
from medie_fhir.transaction.standing import VERSION_SYSTEM, Standing, retracted, targets


def provenance(version: str | None, last_updated: str | None = None, **more: object) -> Json:
    identifier: Json = {"system": VERSION_SYSTEM, "value": version or "unnumbered"}
    if last_updated:
        identifier["period"] = {"start": last_updated}
    return {"resourceType": "Provenance", "entity": [{"role": "source", "what": {"identifier": identifier}}], **more}


CONDITION: Json = {
    "resourceType": "Condition",
    "id": "c",
    "meta": {"versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z", "profile": ["p"]},
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "verificationStatus": {"coding": [{"code": "unconfirmed"}]},
}
OBSERVATION: Json = {"resourceType": "Observation", "id": "o", "status": "preliminary"}


def test_a_version_is_stale_where_a_newer_one_was_worked_on() -> None:
    standing = Standing(provenances=(provenance("1"), provenance("3")))
    assert standing.knows_newer_than(DocumentVersion(version_id="2"))
    assert not standing.knows_newer_than(DocumentVersion(version_id="3"))
    assert not standing.knows_newer_than(DocumentVersion(version_id="4"))


def test_the_instant_decides_before_the_number() -> None:
    standing = Standing(provenances=(provenance("9", "2026-01-01T00:00:00Z"),))
    later = DocumentVersion(version_id="1", last_updated="2026-01-01T02:00:00+01:00")
    assert not standing.knows_newer_than(later)
    assert standing.knows_newer_than(DocumentVersion(version_id="10", last_updated="2025-12-31T23:59:59Z"))


def test_what_cannot_be_compared_is_not_stale() -> None:
    standing = Standing(provenances=(provenance(None), provenance("MTY1Mjc4ODQ2MTMwNjcyMTAwMA")))
    assert not standing.knows_newer_than(DocumentVersion(version_id="1"))
    assert not standing.knows_newer_than(DocumentVersion())


def test_work_done_again_keeps_its_time() -> None:
    standing = Standing(provenances=(provenance("1", id="p", recorded="2026-01-01T00:00:00Z"),))
    assert standing.recorded("p") == "2026-01-01T00:00:00Z"
    assert standing.recorded("q") is None


def test_targets_are_what_we_wrote_once_each_and_never_people_or_documents() -> None:
    named = [
        "Condition/a",
        "Observation/b/_history/2",
        "Condition/a",
        "Patient/p",
        "DocumentReference/d",
        "Device/x",
        "odd",
    ]
    ours = provenance("1", target=[{"reference": r} for r in named])
    assert targets([ours, provenance("2")]) == ["Condition/a", "Observation/b"]


def test_a_target_is_the_same_however_the_server_spells_its_reference() -> None:
    spelt = ("https://ehr.example/fhir/Condition/a", "Condition/a/_history/3", "Condition/a")
    named = [{"reference": r} for r in spelt]
    assert targets([provenance("1", target=named)]) == ["Condition/a"]


def test_a_document_is_known_by_its_copy_or_by_what_was_done() -> None:
    assert not Standing().is_known
    assert Standing({"resourceType": "DocumentReference"}).is_known
    assert Standing(provenances=(provenance("1"),)).is_known


def test_what_others_wrote_from_the_same_document_is_not_ours_to_retract() -> None:
    entity = [{"role": "source", "what": {"reference": "DocumentReference/d"}}]
    theirs = {"resourceType": "Provenance", "entity": entity, "target": [{"reference": "Condition/theirs"}]}
    assert targets([theirs]) == []


def test_what_no_longer_holds_is_entered_in_error_and_not_deleted() -> None:
    gone = retracted([CONDITION, OBSERVATION], frozenset())
    assert [r["id"] for r in gone] == ["c", "o"]
    assert "clinicalStatus" not in gone[0]  # con-5
    assert gone[0]["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert gone[0]["meta"] == {"profile": ["p"]}
    assert gone[1]["status"] == "entered-in-error"


def test_what_still_holds_or_is_in_error_already_is_left_alone() -> None:
    assert retracted([CONDITION], frozenset({"Condition/c"})) == []
    assert retracted(retracted([CONDITION, OBSERVATION], frozenset()), frozenset()) == []


def test_retracting_changes_nothing_of_what_it_was_given() -> None:
    before = str(CONDITION)
    retracted([CONDITION], frozenset())
    assert str(CONDITION) == before


def test_a_deletion_is_not_stale_because_the_brokers_clock_is_behind(make_record: Any) -> None:
    standing = Standing(provenances=(provenance("1", "2026-03-02T12:00:00Z"),))

    def at(moment: str, reason: RetractionReason) -> ExtractionRecord:
        record: ExtractionRecord = make_record(None, retracted=reason)
        version = DocumentVersion(last_updated=moment)
        return record.model_copy(update={"document": record.document.model_copy(update={"version": version})})

    assert not standing.outdates(at("2026-03-02T11:30:00Z", RetractionReason.DELETED))
    assert standing.outdates(at("2026-03-02T10:30:00Z", RetractionReason.DELETED))
    assert standing.outdates(at("2026-03-02T11:30:00Z", RetractionReason.SUPERSEDED))
    known = Standing(provenances=(*standing.provenances, provenance(None, "2026-03-02T11:30:00Z")))
    assert known.outdates(at("2026-03-02T11:30:00Z", RetractionReason.DELETED))


@pytest.mark.parametrize(
    ("came", "version", "is_stale"),
    [
        ([("1", None, "10"), (None, "2026-03-02", "11")], DocumentVersion(version_id="1"), True),
        ([("1", None, "11"), (None, "2026-03-02", "10")], DocumentVersion(version_id="1"), False),
        ([("1", None, "11"), (None, "2026-03-02", "10")], DocumentVersion(last_updated="2026-03-02"), True),
        ([("1", None, "10"), (None, "2026-03-02", "11")], DocumentVersion(version_id="2"), False),
        ([("2", None, "10"), ("1", None, "11")], DocumentVersion(version_id="2"), False),
        ([(None, None, "10"), (None, None, "11")], DocumentVersion(), False),
    ],
    ids=["before", "after", "deletion-before", "new-to-us", "of-an-older-one", "of-itself"],
)
def test_a_known_version_is_stale_where_another_that_cannot_be_compared_came_after_it(
    came: list[tuple[str | None, str | None, str]], version: DocumentVersion, is_stale: bool
) -> None:
    known = (provenance(number, time, recorded=f"2026-03-03T{hour}:00:00Z") for number, time, hour in came)
    assert Standing(provenances=tuple(known)).is_echo(version) is is_stale


@pytest.mark.parametrize("recorded", [None, "odd"])
def test_work_of_which_nobody_knows_when_it_was_done_makes_nothing_stale(recorded: str | None) -> None:
    known = (provenance("1", recorded="2026-03-03T10:00:00"), provenance(None, "2026-03-02", recorded=recorded))
    assert not Standing(provenances=known).is_echo(DocumentVersion(version_id="1"))
