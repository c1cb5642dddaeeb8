"""The one transaction per document."""

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from medie_fhir.model import Json, RetractionReason
from medie_fhir.transaction import (
    FACTS,
    Made,
    MadeBy,
    Reviewed,
    SourceDocuments,
    Standing,
    Work,
    assemble,
    device,
    guarded,
)
from medie_fhir.transaction.stamp import is_as_written, stamped

BY = MadeBy("default@1.0.0#abc", "0123456789abcdef")
COPIED = SourceDocuments()
STAGE: Json = {"resourceType": "Observation", "id": "stage-1", "status": "preliminary"}
OLD: Json = {
    "resourceType": "Observation",
    "id": "old-1",
    "identifier": [{"system": FACTS, "value": "old-1"}],
    "status": "preliminary",
}


def put(
    record: Any,
    resources: list[Json],
    standing: Standing | None = None,
    *,
    documents: SourceDocuments = COPIED,
    reviewed: Reviewed = "keep",
) -> Json | None:
    standing = standing or Standing()
    work = Work.of(record, BY, standing)
    return assemble([Made(record, resources, work, BY)], standing, documents=documents, reviewed=reviewed)


def kinds(bundle: Json | None) -> list[str]:
    assert bundle is not None
    return [e["resource"]["resourceType"] for e in bundle["entry"]]


def test_a_first_version_is_its_copy_its_resources_and_who_says_so(make_record: Any) -> None:
    bundle = put(make_record(), [STAGE])
    assert kinds(bundle) == ["DocumentReference", "Observation", "Provenance"]
    assert bundle is not None
    assert all(
        e["request"] == {"method": "PUT", "url": f"{e['resource']['resourceType']}/{e['resource']['id']}"}
        for e in bundle["entry"]
    )
    provenance = bundle["entry"][-1]["resource"]
    assert provenance["target"] == [{"reference": "Observation/stage-1"}]
    assert provenance["entity"][0]["what"]["reference"] == f"DocumentReference/{bundle['entry'][0]['resource']['id']}"


def test_a_server_that_holds_the_original_gets_no_copy(make_record: Any) -> None:
    bundle = put(make_record(), [STAGE], documents=SourceDocuments("reference"))
    assert kinds(bundle) == ["Observation", "Provenance"]
    assert "DocumentReference/d1" in str(bundle)


def test_the_copy_holds_no_text_and_no_name(make_record: Any) -> None:
    bundle = put(make_record(), [STAGE])
    assert bundle is not None
    attachment = bundle["entry"][0]["resource"]["content"][0]["attachment"]
    assert attachment["contentType"] == "text/plain"
    assert attachment["_data"]["extension"][0]["valueCode"] == "masked"
    assert attachment.keys() == {"contentType", "_data"}


def test_the_same_work_makes_the_same_bytes(make_record: Any) -> None:
    assert put(make_record(), [STAGE]) == put(make_record(), [STAGE])


def test_work_done_again_later_keeps_the_time_of_its_first_doing(make_record: Any) -> None:
    first = put(make_record(at="2026-01-02T10:00:00Z"), [STAGE])
    assert first is not None
    standing = Standing(first["entry"][0]["resource"], (first["entry"][-1]["resource"],))
    again = put(make_record(at="2026-05-05T10:00:00Z"), [STAGE], standing)
    assert again == first


def test_a_fact_that_is_gone_is_retracted_in_the_same_transaction_with_the_reason(make_record: Any) -> None:
    standing = Standing({"resourceType": "DocumentReference"}, ({"id": "p", "entity": []},), (OLD,))
    bundle = put(make_record("2"), [STAGE], standing)
    assert kinds(bundle) == ["DocumentReference", "Observation", "Observation", "Provenance", "Provenance"]
    assert bundle is not None
    assert bundle["entry"][2]["resource"]["status"] == "entered-in-error"
    assert bundle["entry"][4]["resource"]["target"] == [{"reference": "Observation/old-1"}]
    assert "No longer holds" in bundle["entry"][4]["resource"]["activity"]["text"]


@pytest.mark.parametrize("reason", RetractionReason)
def test_a_retracted_document_leaves_nothing_standing(make_record: Any, reason: RetractionReason) -> None:
    standing = Standing({"resourceType": "DocumentReference", "id": "x", "status": "current"}, ({"id": "p"},), (OLD,))
    bundle = put(make_record("2", retracted=reason), [], standing)
    assert kinds(bundle) == ["DocumentReference", "Observation", "Provenance"]
    assert bundle is not None
    copy, old, why = (e["resource"] for e in bundle["entry"])
    assert copy["status"] in {"entered-in-error", "superseded"}
    assert old["status"] == "entered-in-error"
    assert why["activity"]["text"] == f"No longer holds: {reason.value}"
    assert why["target"] == [{"reference": "Observation/old-1"}]


def test_a_retraction_done_again_names_the_same_targets(make_record: Any) -> None:
    record = make_record("2", retracted=RetractionReason.ENTERED_IN_ERROR)
    standing = Standing({"resourceType": "DocumentReference", "id": "x"}, ({"id": "p"},), (OLD,))
    first = put(record, [], standing)
    assert first is not None
    done = Standing(first["entry"][0]["resource"], (first["entry"][-1]["resource"],), (first["entry"][1]["resource"],))
    again = put(record, [], done)
    assert again is not None
    assert again["entry"][-1] == first["entry"][-1]


def test_a_note_that_says_nothing_writes_nothing(make_record: Any) -> None:
    assert put(make_record(), []) is None


def test_a_deletion_of_what_was_never_seen_writes_nothing(make_record: Any) -> None:
    assert put(make_record(None, retracted=RetractionReason.DELETED, subject=None), []) is None


def test_a_retraction_that_comes_first_leaves_a_mark_for_the_older_version(make_record: Any) -> None:
    bundle = put(make_record("2", retracted=RetractionReason.ENTERED_IN_ERROR), [])
    assert kinds(bundle) == ["DocumentReference", "Provenance"]
    assert bundle is not None
    standing = Standing(bundle["entry"][0]["resource"], (bundle["entry"][1]["resource"],))
    assert standing.knows_newer_than(make_record("1").document.version)


@pytest.mark.parametrize(
    ("date", "kept"),
    [("2026-01-01T09:00:00.5+01:00", True), ("2026-01-01", False), ("2026", False), (None, False)],
)
def test_the_copy_has_the_date_only_where_it_is_the_instant_that_r4_asks_for(
    make_record: Any, date: str | None, kept: bool
) -> None:
    record = make_record()
    record = record.model_copy(update={"document": record.document.model_copy(update={"date": date})})
    bundle = put(record, [STAGE])
    assert bundle is not None
    assert bundle["entry"][0]["resource"].get("date") == (date if kept else None)


def test_the_copy_has_a_type_and_a_category_where_the_sender_gives_none(make_record: Any) -> None:
    record = make_record()
    own = {"coding": [{"system": "http://loinc.org", "code": "11506-3"}]}
    told = record.model_copy(update={"document": record.document.model_copy(update={"type": own, "category": (own,)})})
    for of, type_, category in ((record, "UNK", "clinical-note"), (told, "11506-3", "11506-3")):
        bundle = put(of, [STAGE])
        assert bundle is not None
        copy = bundle["entry"][0]["resource"]
        assert copy["type"]["coding"][0]["code"] == type_
        assert [c["coding"][0]["code"] for c in copy["category"]] == [category]


def test_a_device_without_an_adapter_has_no_empty_list_of_versions(make_record: Any) -> None:
    produced = make_record().produced
    assert [v["type"]["text"] for v in device(produced)["version"]] == ["adapter"]
    assert "version" not in device(produced.model_copy(update={"adapter": None}))


def test_all_that_the_station_makes_is_valid_r4(make_record: Any) -> None:
    for record in (make_record(), make_record("2", retracted=RetractionReason.SUPERSEDED)):
        bundle = put(record, [])
        for entry in (bundle or {"entry": []})["entry"]:
            resource = entry["resource"]
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    made = device(make_record().produced)
    get_fhir_model_class("Device").model_validate(made)
    assert made["id"]


def test_a_guarded_transaction_is_for_the_version_of_the_copy_that_was_read(make_record: Any) -> None:
    standing = Standing({"resourceType": "DocumentReference", "id": "x", "meta": {"versionId": "7"}})
    bundle = put(make_record("2"), [STAGE], standing)
    assert bundle is not None
    conditions = [e["request"].get("ifMatch") for e in guarded(bundle, standing)["entry"]]
    assert conditions == ['W/"7"', None, None]


def test_where_no_copy_was_read_none_may_be_there(make_record: Any) -> None:
    bundle = put(make_record(), [STAGE])
    assert bundle is not None
    assert guarded(bundle, Standing())["entry"][0]["request"]["ifMatch"] == 'W/"0"'


def test_a_guarded_transaction_is_for_the_versions_that_were_read_of_what_it_overwrites_and_takes_back(
    make_record: Any,
) -> None:
    read = tuple(stamped(r) | {"meta": {"versionId": v}} for r, v in ((STAGE, "3"), (OLD, "5")))
    standing = Standing({"resourceType": "DocumentReference", "id": "x", "meta": {"versionId": "7"}}, (), read)
    new = {**STAGE, "id": "new-1"}
    bundle = put(make_record("2"), [STAGE, new], standing)
    assert bundle is not None
    conditions = {e["request"]["url"]: e["request"].get("ifMatch") for e in guarded(bundle, standing)["entry"][:4]}
    assert list(conditions.values()) == ['W/"7"', 'W/"3"', None, 'W/"5"']
    assert conditions["Observation/new-1"] is None


def test_what_a_server_gives_no_version_of_has_no_condition(make_record: Any) -> None:
    standing = Standing({"resourceType": "DocumentReference", "id": "x"}, (), (stamped(OLD),))
    bundle = put(make_record("2"), [STAGE], standing)
    assert bundle is not None
    assert not any("ifMatch" in e["request"] for e in guarded(bundle, standing)["entry"])


def test_a_task_may_not_be_there_yet(make_record: Any) -> None:
    standing = Standing({"resourceType": "DocumentReference", "id": "x"}, (), (JUDGED,))
    bundle = put(make_record("2"), [STAGE], standing, reviewed="flag")
    assert bundle is not None
    (task,) = [e for e in guarded(bundle, standing)["entry"] if e["resource"]["resourceType"] == "Task"]
    assert task["request"]["ifMatch"] == 'W/"0"'


JUDGED: Json = {**stamped(OLD), "status": "final"}


def test_every_fact_is_stamped_as_it_is_written(make_record: Any) -> None:
    standing = Standing({"resourceType": "DocumentReference", "id": "x"}, (), (stamped(OLD),))
    bundle = put(make_record("2"), [STAGE], standing)
    assert bundle is not None
    facts = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Observation"]
    assert [(f["status"], is_as_written(f)) for f in facts] == [("preliminary", True), ("entered-in-error", True)]


@pytest.mark.parametrize("retracted", [None, RetractionReason.DELETED])
@pytest.mark.parametrize(
    ("reviewed", "made"),
    [
        ("keep", ["DocumentReference", "Provenance"]),
        ("flag", ["DocumentReference", "Task", "Provenance"]),
        ("overwrite", ["DocumentReference", "Observation", "Provenance"]),
    ],
)
def test_what_a_person_changed_and_the_note_no_longer_says_is_treated_as_the_mapping_says(
    make_record: Any, reviewed: Reviewed, made: list[str], retracted: RetractionReason | None
) -> None:
    standing = Standing({"resourceType": "DocumentReference", "id": "x", "status": "current"}, (), (JUDGED,))
    bundle = put(make_record("2", retracted=retracted), [], standing, reviewed=reviewed)
    assert sorted(set(kinds(bundle))) == sorted(made)
    assert bundle is not None
    provenance = bundle["entry"][-1]["resource"]
    named = [t["reference"].split("/")[0] for t in provenance["target"]]
    assert named == (["Observation"] if reviewed == "overwrite" else ["DocumentReference"])


def test_a_provenance_names_what_the_work_wrote_and_not_what_it_left_to_a_person(make_record: Any) -> None:
    """Else ours would be the later word of the two, and the next work would overwrite."""
    standing = Standing({"resourceType": "DocumentReference", "id": "x"}, (), (JUDGED,))
    bundle = put(make_record("2"), [STAGE, OLD], standing)
    assert bundle is not None
    assert bundle["entry"][-1]["resource"]["target"] == [{"reference": "Observation/stage-1"}]


def test_work_done_again_names_what_it_wrote_though_a_person_has_changed_it_since(make_record: Any) -> None:
    first = put(make_record(), [STAGE, OLD])
    assert first is not None
    copy, stage, _, provenance = (e["resource"] for e in first["entry"])
    again = put(make_record(), [STAGE, OLD], Standing(copy, (provenance,), (stage, JUDGED)))
    assert again is not None
    assert [e["resource"] for e in again["entry"]] == [copy, stage, provenance]


def test_a_provenance_names_the_mapping_and_the_tables_and_other_tables_are_other_work(make_record: Any) -> None:
    record = make_record()

    def provenance(by: MadeBy, *known: Json) -> Json:
        standing = Standing({"resourceType": "DocumentReference", "id": "x"}, known)
        work = Work.of(record, by, standing)
        bundle = assemble([Made(record, [STAGE], work, by)], standing, documents=COPIED)
        assert bundle is not None
        made: Json = bundle["entry"][-1]["resource"]
        return made

    first, again = provenance(BY), provenance(BY)
    assert again == first, "the same tables make no other version"
    identifiers = [e["what"].get("identifier", {}) for e in first["entity"]]
    named = {i["system"].rpartition("/")[2]: i["value"] for i in identifiers if i}
    assert (named["mapping"], named["terminology"]) == BY
    other = provenance(BY._replace(terminology="site rows"), first)
    assert other["id"] != first["id"], "what the earlier tables made stays told"


def test_an_empty_version_of_a_document_that_is_known_leaves_its_mark(make_record: Any) -> None:
    known = Standing({"resourceType": "DocumentReference", "id": "x"})
    assert kinds(put(make_record("2"), [], known)) == ["DocumentReference", "Provenance"]
    by_provenance = Standing(provenances=({"id": "p", "entity": []},))
    assert kinds(put(make_record("2"), [], by_provenance, documents=SourceDocuments("reference"))) == ["Provenance"]


@pytest.mark.parametrize("retracted", [None, RetractionReason.SUPERSEDED])
def test_the_copy_changes_with_every_version_though_nothing_else_does(
    make_record: Any, retracted: RetractionReason | None
) -> None:
    """Equal content makes no new version on the server, and a guard would not see that another was faster."""
    first, second = put(make_record("1"), [STAGE]), put(make_record("2", retracted=retracted), [STAGE])
    assert first is not None
    assert second is not None
    copies = [bundle["entry"][0]["resource"]["masterIdentifier"]["value"] for bundle in (first, second)]
    assert copies == ["|DocumentReference/d1 1", "|DocumentReference/d1 2"]
