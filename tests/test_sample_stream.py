"""The sample stream over HTTP, with a model that reads every note rightly; on a real server where one is named."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from medie_fhir.adapters.fhir_http import FhirHttp
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.configuration import Configuration
from medie_fhir.errors import BrokenBase64, NoteSkipped
from medie_fhir.model import Json, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped
from medie_fhir.transaction import BASE
from medie_fhir.wiring import assemble_pipeline

KINDS = ("Condition", "Observation", "Provenance", "DocumentReference", "Device")


class GoldModel:
    """Answers each note with the facts that people found in it."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self._fields = fields
        self._gold = {row["text"][:200]: row["gold"] for row in lines("gold.jsonl")}

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        text = request.messages[-1]["content"]
        gold: Json = next((gold for beginning, gold in self._gold.items() if beginning in text), {})
        return ModelAnswer(json.dumps({f: "; ".join(gold.get(f, [])) or None for f in self._fields}), "stop")

    async def describe(self) -> ModelDescription:
        return ModelDescription("gold")


def lines(name: str) -> list[Json]:
    """The objects of a shipped JSON Lines file."""
    return [json.loads(line) for line in shipped("notes", name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(params=["twin", "real server"] if os.environ.get("MEDIE_TEST_FHIR_URL") else ["twin"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[FhirHttp]:
    """A FHIR server over HTTP that holds the sample patients and the notes behind URLs."""
    with FhirTwin() as twin, FhirTwinServer(twin) as local:
        url = os.environ["MEDIE_TEST_FHIR_URL"] if request.param == "real server" else local.base_url
        async with FhirHttp(url) as http:
            for seed in ("patients.json", "binaries.json"):
                await http.transact(json.loads(shipped("notes", seed).read_text(encoding="utf-8")))
            yield http


async def stream(configuration: Configuration, server: FhirHttp, *, backwards: bool = False) -> list[str]:
    """All events through a new pipeline, as a process that starts; the names of the errors that notes met."""
    fields = tuple(configuration.task.fields)
    pipeline = assemble_pipeline(Settings(), configuration, model=GoldModel(fields), source=server, target=server)
    met: list[str] = []
    for event in reversed(lines("events.jsonl")) if backwards else lines("events.jsonl"):
        value = json.dumps(event["value"]).encode() if event["value"] else None
        when = int(datetime.fromisoformat(event["timestamp"]).timestamp() * 1000)
        for each in await pipeline.events(value, event["key"].encode(), timestamp_ms=when):
            assert isinstance(each, NoteEvent)
            met += await published(pipeline, each)
    return met


async def published(pipeline: Pipeline, event: NoteEvent) -> list[str]:
    try:
        await pipeline.publish(await pipeline.extract(event))
    except (BrokenBase64, NoteSkipped) as error:
        return [type(error).__name__]
    return []


async def versions(server: FhirHttp) -> dict[str, int]:
    """How many versions each resource has, by its own history."""
    all_of_it = [r for kind in KINDS for r in await server.search(kind, {"_count": "200"})]
    kept = [(r["resourceType"], r["id"]) for r in all_of_it]
    return {f"{kind}/{id_}": len(await server.history(kind, id_)) for kind, id_ in kept}


async def holding(server: FhirHttp, note: str) -> set[str]:
    """The words of what holds because of a sample note."""
    own = rf"{BASE}/document|\|DocumentReference/{note}"  # the key's own bar is escaped (FHIR R4, search, escaping)
    (copy,) = await server.search("DocumentReference", {"identifier": own})
    found: set[str] = set()
    for kind in ("Condition", "Observation"):
        for resource in await server.search(kind, {"_count": "200"}):
            verified = resource.get("verificationStatus", {}).get("coding", [{}])[0].get("code")
            of_the_note = resource["meta"]["source"].partition("#")[0] == f"DocumentReference/{copy['id']}"
            if of_the_note and "entered-in-error" not in (resource.get("status"), verified):
                found.add((resource.get("valueCodeableConcept") or resource["code"])["text"])
    return found


async def test_the_stream_done_again_makes_no_new_version_and_what_was_taken_back_stays_so(
    configuration: Configuration, server: FhirHttp
) -> None:
    assert sorted(await stream(configuration, server)) == ["BrokenBase64", "NoteSkipped", "NoteSkipped"]
    before = await versions(server)
    assert len(before) > 200
    for _ in range(2):
        await stream(configuration, server)
        assert await versions(server) == before
    taken_back = {"in error": "note-13", "replaced": "note-22", "deleted": "note-24"}
    assert {why: await holding(server, note) for why, note in taken_back.items()} == {why: set() for why in taken_back}
    assert {"NRAS Q61R mutation", "nivolumab"} <= await holding(server, "note-06"), "the amended version holds"
    assert "stage IIIB" in await holding(server, "note-28"), "what replaces holds"


async def test_the_stream_backwards_ends_with_the_same_facts(configuration: Configuration, server: FhirHttp) -> None:
    await stream(configuration, server, backwards=True)
    assert await holding(server, "note-13") == await holding(server, "note-22") == set()
    assert {"NRAS Q61R mutation", "nivolumab"} <= await holding(server, "note-06")
