"""Laws of the twin, and what only it can do. What all FHIR servers do: fhir_contract/."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer, Profile, Request
from medie_fhir.errors import FhirConflict, FhirError, FhirRejected
from medie_fhir.model import Json

FHIR = {"content-type": "application/fhir+json"}


def put(resource: Json) -> Json:
    return {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}


def transaction(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


resources = st.builds(
    lambda number, gender, tags: {
        "resourceType": "Patient",
        "id": f"p{number}",
        "gender": gender,
        "meta": {"tag": [{"system": "urn:tag", "code": tag} for tag in sorted(tags)]},
    },
    st.integers(0, 3),
    st.sampled_from(["male", "female", "other"]),
    st.sets(st.sampled_from("abc"), max_size=2),
)
bundles = st.lists(resources, min_size=1, max_size=4, unique_by=lambda resource: resource["id"]).map(
    lambda many: transaction(*map(put, many))
)


def state(twin: FhirTwin) -> Json:
    return {resource["id"]: resource for resource in twin.current()}


def said(resource: Json) -> tuple[str, frozenset[str]]:
    return resource["gender"], frozenset(tag["code"] for tag in resource["meta"].get("tag", []))


@given(st.lists(bundles, max_size=6))
def test_versions_grow_by_one_for_each_change_and_by_none_without(sequence: list[Json]) -> None:
    with FhirTwin() as twin:
        for bundle in sequence:
            before, versions = state(twin), twin.count_versions()
            asyncio.run(twin.transact(bundle))
            after = state(twin)
            changed = [name for name in after if name not in before or said(after[name]) != said(before[name])]
            assert twin.count_versions() == versions + len(changed)
            for name in after:
                number = int(before[name]["meta"]["versionId"]) if name in before else 0
                assert int(after[name]["meta"]["versionId"]) == number + (name in changed)


@given(st.lists(bundles, max_size=4), bundles)
def test_a_bundle_sent_again_changes_nothing(sequence: list[Json], last: Json) -> None:
    with FhirTwin() as twin:
        for bundle in [*sequence, last]:
            asyncio.run(twin.transact(bundle))
        before, versions = state(twin), twin.count_versions()

        asyncio.run(twin.transact(deepcopy(last)))

        assert state(twin) == before
        assert twin.count_versions() == versions


@given(st.lists(bundles, max_size=4), bundles)
def test_a_bundle_with_one_bad_entry_changes_nothing(sequence: list[Json], last: Json) -> None:
    orphan = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/nobody"}}
    with FhirTwin() as twin:
        for bundle in sequence:
            asyncio.run(twin.transact(bundle))
        before, versions = state(twin), twin.count_versions()

        with pytest.raises(FhirRejected):
            asyncio.run(twin.transact(transaction(*last["entry"], put(orphan))))

        assert state(twin) == before
        assert twin.count_versions() == versions


@given(resources, resources)
def test_the_history_is_all_that_ever_was(first: Json, second: Json) -> None:
    second = {**second, "id": first["id"]}
    with FhirTwin() as twin:
        for resource in (first, second):
            asyncio.run(twin.transact(transaction(put(resource))))
        history = asyncio.run(twin.history("Patient", first["id"]))

    assert [version["gender"] for version in history] in ([second["gender"], first["gender"]], [first["gender"]])
    assert [int(version["meta"]["versionId"]) for version in history] == list(range(len(history), 0, -1))


async def test_what_is_in_a_file_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "twin.sqlite"
    patient = {"resourceType": "Patient", "id": "p1", "identifier": [{"value": "1"}]}
    with FhirTwin(path) as twin:
        await twin.transact(transaction(put(patient)))

    with FhirTwin(path) as twin:
        assert [resource["id"] for resource in await twin.search("Patient", {"identifier": "1"})] == ["p1"]
        assert twin.count_versions() == 1


async def test_the_time_of_a_version_is_the_given_clocks() -> None:
    with FhirTwin(now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) as twin:
        await twin.transact(transaction(put({"resourceType": "Patient", "id": "p1"})))

        assert twin.current("Patient")[0]["meta"]["lastUpdated"] == "2026-01-02T03:04:05.000+00:00"
        assert twin.current("Condition") == []


def test_threads_take_turns(twin: FhirTwin) -> None:
    def write(number: int) -> None:
        patient = {"resourceType": "Patient", "id": "p1", "birthDate": f"19{number:02}"}
        asyncio.run(twin.transact(transaction(put(patient), put({"resourceType": "Device", "id": f"d{number}"}))))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(32)))

    assert twin.current("Patient")[0]["meta"]["versionId"] == "32"
    assert len(twin.current("Device")) == 32


async def test_it_says_that_it_is_a_twin(twin: FhirTwin) -> None:
    assert "twin" in (await twin.capabilities())["software"]["name"]


async def test_a_modifier_that_it_lacks_is_refused_and_not_overlooked(twin: FhirTwin) -> None:
    with pytest.raises(FhirRejected, match="HAPI-0524"):
        await twin.search("Patient", {"identifier:not": "1"})


async def test_a_transaction_of_another_writer_is_a_conflict_only_with_if_match(twin: FhirTwin) -> None:
    entry = put({"resourceType": "Patient", "id": "p1"})
    await twin.transact(transaction(entry))
    entry["request"]["ifMatch"] = 'W/"2"'

    with pytest.raises(FhirConflict):
        await twin.transact(transaction(entry))


def test_single_interactions_over_http(twin: FhirTwin) -> None:
    patient = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": "urn:s", "value": "v"}]}
    anonymous = {name: value for name, value in patient.items() if name != "id"}
    with FhirTwinServer(twin) as server, httpx.Client(base_url=server.base_url, headers=FHIR) as http:
        created = http.put("/Patient/p1", json=patient)
        assert (created.status_code, created.headers["etag"]) == (201, 'W/"1"')
        assert http.put("/Patient/p1", json=patient).headers["etag"] == 'W/"1"'
        assert http.put("/Patient/p1", json=patient, headers={"If-Match": 'W/"9"'}).status_code == 409
        assert http.put("/Patient/other", json=patient).status_code == 400
        assert http.put("/Patient/p1", json=patient, headers={"Prefer": "return=minimal"}).content == b""
        assert http.post("/Patient", json=anonymous, headers={"If-None-Exist": "identifier=urn:s|v"}).status_code == 200
        assert http.post("/Patient", json=anonymous).headers["location"].startswith(f"{server.base_url}/Patient/1/")
        assert http.put("/Patient?identifier=urn:s|v", json=anonymous).status_code == 412
        assert http.post("/Patient/_search", content="_id=p1", headers={"content-type": "x"}).json()["total"] == 1
        assert http.get("/Patient/p1/_history/1").json()["id"] == "p1"
        assert http.delete("/Patient/p1").status_code == 200
        assert http.get("/Patient/p1").status_code == 410
        assert http.get("/Patient/p1/_history").json()["entry"][0]["request"]["method"] == "DELETE"
        assert http.patch("/Patient/p1", json=[]).status_code == 405
        assert http.post("/", content=b"{}").status_code == 400


def test_a_transaction_gives_the_resources_back_where_that_is_preferred(twin: FhirTwin) -> None:
    bundle = transaction(put({"resourceType": "Patient", "id": "p1"}))
    with FhirTwinServer(twin) as server, httpx.Client(base_url=server.base_url, headers=FHIR) as http:
        plain = http.post("", json=bundle).json()
        given_back = http.post("", json=bundle, headers={"Prefer": "return=representation"}).json()

    assert "resource" not in plain["entry"][0]
    assert given_back["entry"][0]["resource"]["id"] == "p1"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"1", b'{"resourceType": 1}', b"\xff", b'{"resourceType":"Bundle","type":1}']
)
def test_any_other_body_is_refused_with_an_operation_outcome(twin: FhirTwin, body: bytes) -> None:
    with FhirTwinServer(twin) as server:
        answer = httpx.post(server.base_url, content=body, headers=FHIR)

    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_client_that_is_gone_before_its_answer_does_not_keep_the_server_from_ending() -> None:
    asked, answer = threading.Event(), threading.Event()

    def hang(_: Request) -> None:
        asked.set()
        answer.wait(30)

    with FhirTwin() as twin, FhirTwinServer(twin, fault=hang) as server:
        client = socket.create_connection(("127.0.0.1", urlsplit(server.base_url).port or 0))
        client.sendall(b"GET /fhir/metadata HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert asked.wait(30)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, and not an end
        client.close()
        server.drop_connections()
        answer.set()


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
