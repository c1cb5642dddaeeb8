"""One story on every kind of server: whatever it lacks, in the end the same holds as on one that lacks nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin, Profile
from medie_fhir.errors import FhirConflict, FhirUnfit
from medie_fhir.mapping import Mapping
from medie_fhir.model import Json
from medie_fhir.transaction import transaction

Event = Callable[..., bytes]
Make = Callable[..., Any]


LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected."


AMENDED = LUNG.replace(" EGFR L858R detected.", "")


EPIC = Profile(update_as_create=False, client_ids=False, conditional_update=False, conditional_create=False)


PROFILES = {
    "all": (Profile(), "client-ids", "transaction"),
    "no update as create": (Profile(update_as_create=False), "conditional-update", "transaction"),
    "no client ids": (Profile(update_as_create=False, client_ids=False), "conditional-update", "transaction"),
    "neither, and no conditional update": (
        Profile(update_as_create=False, conditional_update=False),
        "search-then-create",
        "transaction",
    ),
    "nothing but transactions": (EPIC, "search-then-create", "transaction"),
    "no transaction": (Profile(transaction=False), "client-ids", "batch"),
    "no transaction, no batch": (Profile(transaction=False, batch=False), "client-ids", "single"),
    "no update as create, batch": (Profile(update_as_create=False, transaction=False), "conditional-update", "batch"),
    "conditional single": (
        Profile(update_as_create=False, transaction=False, batch=False),
        "conditional-update",
        "single",
    ),
    "batch and search": (
        Profile(update_as_create=False, conditional_update=False, transaction=False),
        "search-then-create",
        "batch",
    ),
    "nothing": (
        Profile(
            update_as_create=False,
            client_ids=False,
            conditional_update=False,
            conditional_create=False,
            transaction=False,
            batch=False,
            if_match=False,
            versions=False,
            extensions=False,
        ),
        "search-then-create",
        "single",
    ),
    "extensions dropped": (Profile(extensions=False), "client-ids", "transaction"),
    "extensions dropped, no ids": (
        Profile(extensions=False, update_as_create=False),
        "conditional-update",
        "transaction",
    ),
    "If-Match overlooked": (Profile(if_match=False), "client-ids", "transaction"),
    "no versions": (Profile(versions=False), "client-ids", "transaction"),
    "no versions, single": (
        Profile(versions=False, transaction=False, batch=False, update_as_create=False),
        "conditional-update",
        "single",
    ),
}


FORCED = [
    (identity, sending)
    for identity in ("client-ids", "conditional-update", "search-then-create")
    for sending in ("transaction", "batch", "single")
]


@pytest.mark.parametrize("name", list(PROFILES))
async def test_on_every_server_the_same_story_has_the_same_end(
    name: str, open_site: Make, note: Event, live: Make, check_same_end: Make
) -> None:
    profile, identity, sending = PROFILES[name]
    async with open_site() as full, open_site(profile) as site:
        assert await live(site, note) == await live(full, note)
        await check_same_end(site, full, extensions=profile.extensions)
        words = {
            "client-ids": "client ids",
            "conditional-update": "conditional updates",
            "search-then-create": "a search for",
            "transaction": "one transaction",
            "batch": "batches",
            "single": "single writes",
        }
        assert words[identity] in site.description
        assert words[sending] in site.description


@pytest.mark.parametrize(("identity", "sending"), FORCED)
async def test_every_strategy_has_the_same_end_on_a_server_that_has_them_all(
    identity: str, sending: str, open_site: Make, note: Event, *, live: Make, check_same_end: Make
) -> None:
    async with open_site() as full, open_site(None, identity, sending) as site:
        assert await live(site, note) == await live(full, note)
        await check_same_end(site, full)


@pytest.mark.parametrize(
    "name", ["no update as create, batch", "conditional single", "nothing but transactions", "nothing"]
)
async def test_over_http_it_is_the_same(
    name: str, open_site: Make, note: Event, live: Make, check_same_end: Make
) -> None:
    profile, _, _ = PROFILES[name]
    async with open_site() as full, open_site(profile, http=True) as site:
        assert await live(site, note) == await live(full, note)
        await check_same_end(site, full, extensions=profile.extensions)


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "If-Match overlooked"])
async def test_what_another_has_written_meanwhile_is_not_written_over(name: str, open_site: Make, note: Event) -> None:
    profile, _, _ = PROFILES[name]
    async with open_site(profile) as site:
        document = {"resourceType": "DocumentReference", "id": "6ba7b810-9dad-51d1-80b4-00c04fd430c8"}

        def bundle(status: str, guard: str) -> Json:
            put = transaction([{**document, "status": status, "content": [{"attachment": {"url": "u"}}]}])
            put["entry"][0]["request"]["ifMatch"] = guard
            return put

        await site.target.transact(bundle("current", 'W/"0"'))
        versions = site.twin.count_versions()
        with pytest.raises(FhirConflict):
            await site.target.transact(bundle("superseded", 'W/"0"'))
        if profile.versions:
            await site.target.transact(bundle("superseded", 'W/"1"'))
            with pytest.raises(FhirConflict):
                await site.target.transact(bundle("current", 'W/"1"'))
        assert site.twin.count_versions() == versions + profile.versions


def several(mapping: Mapping) -> Mapping:
    """Each fact becomes two resources, the second of which has an id with a number behind it."""
    again = tuple(t.model_copy(update={"name": f"{t.name} again"}) for t in mapping.file.templates)
    return replace(mapping, file=mapping.file.model_copy(update={"templates": [*mapping.file.templates, *again]}))


@pytest.mark.parametrize(
    "name", ["no client ids", "nothing but transactions", "no transaction", "conditional single", "nothing"]
)
async def test_a_fact_that_becomes_several_resources_has_the_same_end_too(
    name: str, open_site: Make, note: Event, live: Make, check_same_end: Make
) -> None:
    profile, _, _ = PROFILES[name]
    async with open_site(mapping=several) as full, open_site(profile, mapping=several) as site:
        assert await live(site, note) == await live(full, note)
        await check_same_end(site, full, extensions=profile.extensions)
        assert any(r["id"].endswith("-1") for r in full.twin.current("Observation"))


def flagging(mapping: Mapping) -> Mapping:
    return replace(mapping, file=mapping.file.model_copy(update={"reviewed": "flag"}))


async def put(twin: FhirTwin, resource: Json) -> None:
    """A person's change, made on the server itself."""
    url = f"{resource['resourceType']}/{resource['id']}"
    await twin.write({"resource": resource, "request": {"method": "PUT", "url": url}})


async def reviewed(site: Any, note: Event) -> None:
    """Published; a person makes the mutation final; the note no longer says it; the reviewer begins; once more."""
    await site.through(note(LUNG, "1"))
    (found,) = [o for o in site.twin.current("Observation") if "EGFR" in json.dumps(o)]
    await put(site.twin, {**found, "status": "final"})
    await site.through(note(AMENDED, "2"))
    (task,) = site.twin.current("Task")
    assert task["reasonCode"]["coding"][0]["code"] == "no-longer-read"
    assert task["focus"]["reference"] == f"Observation/{found['id']}"
    await put(site.twin, {**task, "status": "in-progress"})
    versions = site.twin.count_versions()
    await site.through(note(AMENDED, "2"))
    assert site.twin.count_versions() == versions


@pytest.mark.parametrize("name", list(PROFILES))
async def test_a_reviewer_is_asked_once_on_every_server_and_his_work_stands(
    name: str, open_site: Make, note: Event, check_same_end: Make
) -> None:
    profile, _, _ = PROFILES[name]
    async with open_site(mapping=flagging) as full, open_site(profile, mapping=flagging) as site:
        await reviewed(site, note)
        await reviewed(full, note)
        await check_same_end(site, full, extensions=profile.extensions)
        assert [t["status"] for t in site.twin.current("Task")] == ["in-progress"]


MRN = {"system": "urn:mrn", "value": "4711"}


SAFE = [
    name for name, (profile, identity, _) in PROFILES.items() if identity == "client-ids" or profile.conditional_create
]


class Meeting:
    """A server at which the first two that write a Patient wait for each other: each has looked, and found none."""

    def __init__(self, twin: FhirTwin, barrier: asyncio.Barrier, met: list[str]) -> None:
        self._twin, self._barrier, self._met = twin, barrier, met

    def __getattr__(self, name: str) -> Any:
        return getattr(self._twin, name)

    async def write(self, entry: Json) -> Json:
        await self._meet([entry])
        return await self._twin.write(entry)

    async def transact(self, bundle: Json) -> Json:
        await self._meet(bundle.get("entry", []))
        return await self._twin.transact(bundle)

    async def _meet(self, entries: list[Json]) -> None:
        if urls := [entry["request"]["url"] for entry in entries if "Patient" in entry["request"]["url"]]:
            self._met += urls[:1]
            if len(self._met) <= self._barrier.parties:
                async with asyncio.timeout(10):
                    await self._barrier.wait()


@pytest.mark.parametrize("name", SAFE)
async def test_consumers_that_race_make_one_stub_on_every_server_that_can_keep_them_apart(
    name: str, open_site: Make, event: Event
) -> None:
    profile, _, _ = PROFILES[name]
    barrier, met = asyncio.Barrier(2), list[str]()
    racing = {"missing_subject": "stub", "server_of": lambda twin: Meeting(twin, barrier, met)}
    async with open_site(profile, **racing) as one, open_site(profile, beside=one, **racing) as other:
        notes = [event(LUNG, f"d{number}", "1", subject={"identifier": MRN}) for number in range(2)]
        await asyncio.gather(*(site.through(value) for site, value in zip((one, other), notes, strict=True)))
        (stub,) = [p for p in one.twin.current("Patient") if p.get("identifier")]
        subjects = {c["subject"]["reference"] for c in one.twin.current("Condition")}
    assert len(met) >= 2
    assert MRN in stub["identifier"]
    assert subjects == {f"Patient/{stub['id']}"}


async def test_no_stub_is_made_where_two_could_be_made_of_one_patient(open_site: Make) -> None:
    with pytest.raises(FhirUnfit, match=r"fhir\.missing_subject .*conditional create .*dead-letter or wait"):
        async with open_site(EPIC, missing_subject="stub"):
            raise AssertionError
