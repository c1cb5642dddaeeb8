"""Laws of the twin, and what only it can do. What all FHIR servers do: fhir_contract/."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import FhirConflict, FhirRejected
from medie_fhir.model import Json


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


async def test_a_transaction_of_another_writer_is_a_conflict_only_with_if_match(twin: FhirTwin) -> None:
    entry = put({"resourceType": "Patient", "id": "p1"})
    await twin.transact(transaction(entry))
    entry["request"]["ifMatch"] = 'W/"2"'

    with pytest.raises(FhirConflict):
        await twin.transact(transaction(entry))
