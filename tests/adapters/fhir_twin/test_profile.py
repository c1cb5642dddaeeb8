"""What a twin lacks that is to be as a server that lacks it; and batches."""

from __future__ import annotations

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin, Profile
from medie_fhir.errors import FhirConflict, FhirError, FhirRejected
from medie_fhir.model import Json


def put(resource: Json) -> Json:
    return {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}


def transaction(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def said(resource: Json) -> tuple[str, frozenset[str]]:
    return resource["gender"], frozenset(tag["code"] for tag in resource["meta"].get("tag", []))


async def test_a_modifier_that_it_lacks_is_refused_and_not_overlooked(twin: FhirTwin) -> None:
    with pytest.raises(FhirRejected, match="HAPI-0524"):
        await twin.search("Patient", {"identifier:not": "1"})


@pytest.mark.parametrize(
    ("profile", "entry", "refused_with"),
    [
        (Profile(update_as_create=False), put({"resourceType": "Device", "id": "d1"}), "HAPI-0959"),
        (
            Profile(conditional_update=False),
            {
                "resource": {"resourceType": "Device", "identifier": [{"value": "1"}]},
                "request": {"method": "PUT", "url": "Device?identifier=1"},
            },
            "not-supported",
        ),
        (
            Profile(update_as_create=False, client_ids=False),
            {
                "resource": {"resourceType": "Device", "id": "d1", "identifier": [{"value": "1"}]},
                "request": {"method": "PUT", "url": "Device?identifier=1"},
            },
            "HAPI-0959",
        ),
    ],
)
async def test_what_a_profile_lacks_is_refused_alone_and_in_a_bundle(
    profile: Profile, entry: Json, refused_with: str
) -> None:
    with FhirTwin(profile=profile) as twin:
        with pytest.raises(FhirError, match=refused_with):
            await twin.write(entry)
        with pytest.raises(FhirError, match=refused_with):
            await twin.transact(transaction(entry))
        assert twin.current() == []


@pytest.mark.parametrize("kind", ["transaction", "batch"])
async def test_a_twin_without_transactions_or_batches_refuses_them_and_says_so_before(kind: str) -> None:
    lacking = Profile(transaction=kind != "transaction", batch=kind != "batch")
    with FhirTwin(profile=lacking) as twin:
        said = (await twin.capabilities())["rest"][0]["interaction"]
        assert {"code": kind} not in said
        bundle = transaction(put({"resourceType": "Device", "id": "d1"})) | {"type": kind}
        with pytest.raises(FhirError, match="not-supported"):
            await twin.transact(bundle)


async def test_what_fails_in_a_batch_fails_alone(twin: FhirTwin) -> None:
    orphan = put({"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/nobody"}})
    sound = [put({"resourceType": "Device", "id": name}) for name in ("d1", "d2")]
    answer = await twin.transact(transaction(sound[0], orphan, sound[1]) | {"type": "batch"})
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "400", "201"]
    assert "outcome" in answer["entry"][1]["response"]
    assert [r["id"] for r in twin.current()] == ["d1", "d2"]


async def test_one_entry_of_a_batch_is_not_known_to_another(twin: FhirTwin) -> None:
    patient = {
        "fullUrl": "urn:uuid:1",
        "resource": {"resourceType": "Patient"},
        "request": {"method": "POST", "url": "Patient"},
    }
    condition = put({"resourceType": "Condition", "id": "c1", "subject": {"reference": "urn:uuid:1"}})
    answer = await twin.transact(transaction(patient, condition) | {"type": "batch"})
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "400"]


async def test_an_overlooked_condition_creates_twice() -> None:
    with FhirTwin(profile=Profile(conditional_create=False)) as twin:
        device = {"resourceType": "Device", "identifier": [{"value": "1"}]}
        entry = {
            "resource": device,
            "request": {"method": "POST", "url": "Device", "ifNoneExist": "identifier=1"},
        }
        await twin.write(entry)
        await twin.transact(transaction(entry))
        assert len(twin.current("Device")) == 2


async def test_an_overlooked_if_match_lets_the_later_write_over_the_earlier() -> None:
    stale = put({"resourceType": "Patient", "id": "p1", "gender": "male"})
    stale["request"]["ifMatch"] = 'W/"7"'
    for heeds in (True, False):
        with FhirTwin(profile=Profile(if_match=heeds)) as twin:
            await twin.write(put({"resourceType": "Patient", "id": "p1", "gender": "other"}))
            if heeds:
                with pytest.raises(FhirConflict):
                    await twin.write(stale)
            else:
                assert (await twin.write(stale))["response"]["etag"] == 'W/"2"'


async def test_without_versions_there_are_no_numbers_and_no_history() -> None:
    with FhirTwin(profile=Profile(versions=False)) as twin:
        answer = await twin.write(put({"resourceType": "Patient", "id": "p1"}))
        assert "etag" not in answer["response"]
        assert "versionId" not in twin.current()[0]["meta"]
        with pytest.raises(FhirError):
            await twin.history("Patient", "p1")


async def test_dropped_extensions_change_nothing_when_they_come_again() -> None:
    extended = {"resourceType": "Patient", "id": "p1", "extension": [{"url": "urn:e", "valueCode": "x"}]}
    with FhirTwin(profile=Profile(extensions=False)) as twin:
        for _ in range(2):
            await twin.write(put({**extended, "_birthDate": {"extension": [{"url": "urn:e", "valueCode": "y"}]}}))
        assert twin.count_versions() == 1
        assert not {"extension", "_birthDate"}.intersection(twin.current()[0])


async def test_a_provenance_that_can_t_be_searched_by_entity_is_refused() -> None:
    with FhirTwin(profile=Profile(provenance_entity=False)) as twin, pytest.raises(FhirRejected, match="HAPI-0524"):
        await twin.search("Provenance", {"entity": "DocumentReference/1"})
