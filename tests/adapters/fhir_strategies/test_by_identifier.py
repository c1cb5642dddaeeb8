"""What goes out and comes back is the same: ids, references, and all else."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_strategies import marks
from medie_fhir.adapters.fhir_strategies.by_identifier import ByIdentifier
from medie_fhir.adapters.fhir_twin import FhirTwin, Profile
from medie_fhir.errors import FhirConflict, FhirRejected, FhirUnfit
from medie_fhir.model import Json
from medie_fhir.transaction import transaction

IDS = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(4)]

Resources = st.SearchStrategy[tuple[Json, ...]]


def unversioned(resource: Json) -> Json:
    own = ("versionId", "lastUpdated", "source")
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in own}
    rest = {k: v for k, v in resource.items() if k != "meta"}
    return {**rest, "meta": meta} if meta else rest


class DropsIdentifiers:
    """A server that keeps no identifier in a Reference."""

    def __init__(self, twin: FhirTwin) -> None:
        self._twin = twin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._twin, name)

    async def transact(self, bundle: Json) -> Json:
        def bare(reference: Json) -> Json:
            return {k: v for k, v in reference.items() if k != "identifier"}

        entries = [{**e, "resource": marks.references(e["resource"], bare)} for e in bundle["entry"]]
        return await self._twin.transact({**bundle, "entry": entries})


@given(data=st.data(), conditional=st.booleans(), fresh=st.booleans())
def test_what_is_written_is_read_again_the_same_and_written_again_makes_no_version(
    data: st.DataObject, conditional: bool, fresh: bool, resources: Resources, kinds: dict[str, str]
) -> None:
    many = data.draw(resources)

    async def there_and_back() -> None:
        twin = FhirTwin(profile=Profile(update_as_create=False))
        await twin.write({"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}})

        def by() -> ByIdentifier:
            return ByIdentifier(twin, conditional_update=conditional, conditional_create=True)

        server = by()
        await server.transact(transaction(many))
        server = by() if fresh else server  # another process has seen nothing of it
        found = [await server.read(kind, id_) for kind, id_ in kinds.items()]
        assert [unversioned(r) for r in found if r] == [unversioned(r) for r in many]
        assert not any(r["id"] in IDS for r in twin.current())
        versions = twin.count_versions()
        await by().transact(transaction([r for r in found if r]))
        assert twin.count_versions() == versions

    asyncio.run(there_and_back())


@given(data=st.data())
def test_a_server_that_drops_the_identifier_of_a_reference_is_asked_instead(
    data: st.DataObject, resources: Resources, kinds: dict[str, str]
) -> None:
    many = data.draw(resources)
    bare = [marks.references(r, lambda ref: {k: v for k, v in ref.items() if k != "identifier"}) for r in many]

    async def there_and_back() -> None:
        twin = DropsIdentifiers(FhirTwin(profile=Profile(update_as_create=False)))
        for fresh in (False, True):
            server = ByIdentifier(twin, conditional_update=True, conditional_create=True)
            if not fresh:
                await server.transact(transaction(many))
            found = [await server.read(kind, id_) for kind, id_ in kinds.items()]
            assert [unversioned(r) for r in found if r] == [unversioned(r) for r in bare]

    asyncio.run(there_and_back())


CONDITION: Json = {"resourceType": "Condition", "id": IDS[1], "subject": {"reference": "Patient/1"}}
DEVICE: Json = {"resourceType": "Device", "id": IDS[0]}


async def with_patient(**lacking: bool) -> FhirTwin:
    twin = FhirTwin(profile=Profile(**{"update_as_create": False, **lacking}))
    await twin.write({"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}})
    return twin


def searching(twin: FhirTwin) -> ByIdentifier:
    return ByIdentifier(twin, conditional_update=False, conditional_create=False)


async def test_two_facts_of_one_mark_are_refused_and_named_but_two_devices_are_as_good_as_one() -> None:
    twin = await with_patient(conditional_create=False)
    for resource in (CONDITION, DEVICE):
        kind = resource["resourceType"]
        for _ in range(2):
            copy = marks.marked(resource, resource["id"])
            await twin.write({"resource": copy, "request": {"method": "POST", "url": kind}})
    server = searching(twin)
    with pytest.raises(FhirRejected, match=f"Condition/{IDS[1]}"):
        await server.read("Condition", IDS[1])
    device = await server.read("Device", IDS[0])
    assert device is not None
    assert device["id"] == IDS[0]


async def test_an_id_of_our_form_that_is_the_server_s_own_is_read_and_referred_to_as_it_is() -> None:
    twin = FhirTwin()
    theirs = {"resourceType": "Patient", "id": IDS[3]}
    await twin.transact(transaction([theirs]))
    server = searching(twin)
    found = await server.read("Patient", IDS[3])
    assert found is not None
    await server.transact(transaction([{**CONDITION, "subject": {"reference": f"Patient/{IDS[3]}"}}]))
    assert [c["subject"] for c in twin.current("Condition")] == [{"reference": f"Patient/{IDS[3]}"}]


async def test_a_search_by_several_of_ours_finds_them_and_has_their_history() -> None:
    twin = await with_patient()
    server = searching(twin)
    provenances = [
        {"resourceType": "Provenance", "id": id_, "target": [{"reference": target}]}
        for id_, target in zip(IDS[2:], (f"Condition/{IDS[1]}", f"Device/{IDS[0]}"), strict=True)
    ]
    await server.transact(transaction([CONDITION, DEVICE, *provenances]))
    found = await server.search("Provenance", {"target": f"Condition/{IDS[1]},Device/{IDS[0]}"})
    assert sorted(p["id"] for p in found) == sorted(IDS[2:])
    await server.transact(transaction([{**CONDITION, "code": {"text": "new"}}]))
    assert [(c["id"], c.get("code")) for c in await server.history("Condition", IDS[1])] == [
        (IDS[1], {"text": "new"}),
        (IDS[1], None),
    ]
    assert await server.history("Condition", IDS[3]) == []


async def test_a_reference_that_another_has_changed_is_read_as_changed_though_our_identifier_stands_beside_it() -> None:
    twin = await with_patient()
    server = searching(twin)
    about = {"reference": f"Condition/{IDS[1]}"}
    observation = {"resourceType": "Observation", "id": IDS[2], "focus": [about]}
    await server.transact(transaction([CONDITION, observation]))
    other = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}}
    location = (await twin.write({"resource": other, "request": {"method": "POST", "url": "Condition"}}))["response"]
    (stored,) = twin.current("Observation")
    stored["focus"][0]["reference"] = location["location"]
    await twin.write({"resource": stored, "request": {"method": "PUT", "url": f"Observation/{stored['id']}"}})
    found = await server.read("Observation", IDS[2])
    assert found is not None
    assert found["focus"][0]["reference"] == location["location"]


async def test_a_server_that_overlooks_the_search_for_our_mark_gives_no_stranger_for_ours() -> None:
    class GivesAll:
        def __init__(self, twin: FhirTwin) -> None:
            self._twin = twin

        def __getattr__(self, name: str) -> Any:
            return getattr(self._twin, name)

        async def search(self, resource_type: str, params: Any) -> list[Json]:
            del params
            return self._twin.current(resource_type)

    twin = await with_patient()
    stranger = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}}
    await twin.write({"resource": stranger, "request": {"method": "POST", "url": "Condition"}})
    assert await searching(GivesAll(twin)).read("Condition", IDS[1]) is None  # type: ignore[arg-type]


async def test_a_server_that_was_emptied_gets_a_new_one_and_is_referred_to_there() -> None:
    class Restored:
        def __init__(self, twin: FhirTwin) -> None:
            self.now = twin

        def __getattr__(self, name: str) -> Any:
            return getattr(self.now, name)

    restored = Restored(await with_patient())
    server = searching(restored)  # type: ignore[arg-type]
    await server.transact(transaction([CONDITION]))
    restored.now = await with_patient()
    await restored.now.write({"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}})
    await server.transact(transaction([CONDITION]))
    observation = {"resourceType": "Observation", "id": IDS[2], "focus": [{"reference": f"Condition/{IDS[1]}"}]}
    await server.transact(transaction([observation]))
    (condition,) = restored.now.current("Condition")
    (stored,) = restored.now.current("Observation")
    assert stored["focus"][0]["reference"] == f"Condition/{condition['id']}"


class Passing:
    """A twin with something about it changed."""

    def __init__(self, twin: FhirTwin) -> None:
        self.twin = twin

    def __getattr__(self, name: str) -> Any:
        return getattr(self.twin, name)


async def test_a_base_url_that_looks_like_a_place_is_none() -> None:
    class Absolute(Passing):
        async def transact(self, bundle: Json) -> Json:
            answer = await self.twin.transact(bundle)
            for entry in answer["entry"]:
                told = entry["response"]["location"]
                entry["response"]["location"] = f"https://ehr.example/api/FHIR/R4/{told}"
            return answer

    twin = FhirTwin(profile=Profile(update_as_create=False))
    server = ByIdentifier(Absolute(twin), conditional_update=True, conditional_create=True)
    await server.transact(transaction([DEVICE]))
    observation = {"resourceType": "Observation", "id": IDS[2], "device": {"reference": f"Device/{IDS[0]}"}}
    await server.transact(transaction([observation]))
    (device,), (stored,) = twin.current("Device"), twin.current("Observation")
    assert stored["device"]["reference"] == f"Device/{device['id']}"


@pytest.mark.parametrize("conditional_update", [True, False])
async def test_a_server_that_overlooks_the_search_for_our_mark_is_unfit_before_anything_is_written(
    conditional_update: bool,
) -> None:
    class GivesAll(Passing):
        async def search(self, resource_type: str, params: Any) -> list[Json]:
            del params
            return self.twin.current(resource_type)

    twin = await with_patient()
    stranger = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}}
    await twin.write({"resource": stranger, "request": {"method": "POST", "url": "Condition"}})
    versions = twin.count_versions()
    server = ByIdentifier(GivesAll(twin), conditional_update=conditional_update, conditional_create=True)
    with pytest.raises(FhirUnfit, match="identifier of Condition"):
        await server.transact(transaction([CONDITION]))
    assert twin.count_versions() == versions


async def test_what_was_just_written_is_found_though_the_index_lags_behind() -> None:
    class Lagging(Passing):
        async def search(self, resource_type: str, params: Any) -> list[Json]:
            del resource_type, params
            return []

    twin = await with_patient(conditional_create=False)
    server = searching(Lagging(twin))  # type: ignore[arg-type]
    await server.transact(transaction([CONDITION]))
    await server.transact(transaction([{**CONDITION, "code": {"text": "new"}}]))
    assert [c.get("code") for c in twin.current("Condition")] == [{"text": "new"}]


async def test_of_two_that_create_a_fact_at_once_the_second_hears_that_its_own_was_not_written() -> None:
    both_have_looked = asyncio.Barrier(2)

    class Racing(Passing):
        async def search(self, resource_type: str, params: Any) -> list[Json]:
            found = await self.twin.search(resource_type, params)
            if IDS[1] in params["identifier"]:
                await both_have_looked.wait()
            return found

    twin = await with_patient()
    racers = [ByIdentifier(Racing(twin), conditional_update=False, conditional_create=True) for _ in range(2)]
    versions = [{**CONDITION, "code": {"text": text}} for text in ("one", "two")]
    ended = await asyncio.gather(
        *(racer.transact(transaction([v])) for racer, v in zip(racers, versions, strict=True)), return_exceptions=True
    )
    assert [type(e) for e in ended if isinstance(e, Exception)] == [FhirConflict]
    (stored,) = twin.current("Condition")
    written = [v["code"] for v, e in zip(versions, ended, strict=True) if not isinstance(e, Exception)]
    assert [stored["code"]] == written


@pytest.mark.parametrize(("kind", "named"), [("Patient", "the same Patient:"), ("Task", f"the same Task/{IDS[0]}:")])
async def test_several_of_one_mark_are_named_but_a_patient_by_its_type_alone(kind: str, named: str) -> None:
    twin = FhirTwin(profile=Profile(update_as_create=False))
    for _ in range(2):
        resource = marks.marked({"resourceType": kind}, IDS[0])
        await twin.write({"resource": resource, "request": {"method": "POST", "url": kind}})
    with pytest.raises(FhirRejected, match=named):
        await ByIdentifier(twin, conditional_update=True, conditional_create=True).read(kind, IDS[0])
