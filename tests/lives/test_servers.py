"""On a server that can less, and on a real one, ours is told from theirs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.adapters.fhir_http import FhirHttp
from medie_fhir.adapters.fhir_strategies import Strategy, by_strategy
from medie_fhir.adapters.fhir_twin import FhirTwin, Request
from medie_fhir.adapters.fhir_twin.profile import Profile
from medie_fhir.configuration import Configuration
from medie_fhir.model import Json
from medie_fhir.pipeline import Published
from medie_fhir.settings import Settings
from medie_fhir.transaction import is_as_written, place, transaction
from medie_fhir.wiring import assemble_pipeline

Event = Callable[..., bytes]

LUNG, COLON, NOTHING = "Lung adenocarcinoma, stage IV.", "Colon adenocarcinoma, stage III.", "A torn meniscus."


def limited(identity: Any = "client-ids", sending: Any = "transaction", **can: bool) -> tuple[Profile, Strategy]:
    """A server that can less, and the strategy by which it is written to."""
    return Profile(**can), Strategy(identity, sending, True, "")


LIMITED = {
    "drops extensions": limited(extensions=False),
    "numbers no versions": limited(versions=False, if_match=False),
    "has no transactions": limited(sending="single", transaction=False, batch=False),
    "gives ids of its own": limited("conditional-update", update_as_create=False, client_ids=False),
    "can only search": limited(
        "search-then-create", update_as_create=False, conditional_update=False, client_ids=False
    ),
}


@pytest.mark.parametrize("lack", LIMITED)
async def test_on_a_server_that_can_less_ours_is_told_from_theirs_just_as_well(
    configuration: Configuration, model: Any, event: Event, lack: str, acts: Any
) -> None:
    profile, strategy = LIMITED[lack]
    twin = FhirTwin(profile=profile)

    def put(resource: Json, method: str = "PUT") -> None:
        at = place(resource) if method == "PUT" else resource["resourceType"]
        headers = {"content-type": "application/fhir+json"}
        twin.answer(Request(method, at, headers=headers, body=json.dumps(resource).encode()))

    put({"resourceType": "Patient"}, "POST")
    subject = {"reference": place(twin.current("Patient")[0])}
    target = by_strategy(twin, strategy)
    pipeline = acts.of(
        assemble_pipeline(Settings(readers=("model",)), configuration, model=model, source=twin, target=target), "flag"
    )

    async def tell(text: str, version: str) -> Any:
        return await acts.through(pipeline, event(text, version=version, subject=subject))

    for text, version in ((LUNG, "1"), (LUNG, "1"), (LUNG + " No fever.", "2")):
        assert await tell(text, version) == Published("written", 2)
    put(acts.edits["confirm"](twin.current("Condition")[0], 0))
    theirs = twin.current("Condition")
    for text, version in ((LUNG + " No fever.", "2"), (NOTHING, "3"), (NOTHING, "3"), (LUNG, "4")):
        assert (await tell(text, version)).kept == 1
        assert twin.current("Condition") == theirs
    assert theirs[0]["verificationStatus"]["coding"][0]["code"] == "confirmed"
    assert acts.reasons(twin) == ["no-longer-read"]


@pytest.mark.fhir
async def test_on_a_real_server_what_we_wrote_is_as_we_wrote_it_and_what_a_person_changed_stays(
    configuration: Configuration, model: Any, event: Event, fhir_address: str, acts: Any
) -> None:
    document = f"d-{uuid.uuid4().hex[:12]}"
    async with FhirHttp(fhir_address) as server:
        pipeline = acts.of(
            assemble_pipeline(Settings(readers=("model",)), configuration, model=model, source=server, target=server),
            "flag",
        )
        subject = {"reference": f"Patient/{document}"}
        await server.transact(transaction([{"resourceType": "Patient", "id": document}]))

        async def tell(text: str, version: str) -> Any:
            return await acts.through(pipeline, event(text, document, version, subject=subject))

        async def stands(kind: str) -> list[Json]:
            return await server.search(kind, {"subject": subject["reference"]})

        await tell(LUNG, "1")
        written = [*await stands("Condition"), *await stands("Observation")]
        assert [is_as_written(fact) for fact in written] == [True, True]
        assert (await tell(LUNG + " No fever.", "2")).kept == 0
        (condition,) = await stands("Condition")
        confirmed = acts.edits["confirm"](acts.edits["add a note"](condition, 0), 0)
        await server.transact(transaction([confirmed]))
        theirs = await server.read("Condition", condition["id"])
        for retracted in (1, 0):
            assert await tell(NOTHING, "3") == Published("written", 0, retracted, 1)
            assert await server.read("Condition", condition["id"]) == theirs
        (task,) = await server.search("Task", {"focus": place(condition)})
        assert task["reasonCode"]["coding"][0]["code"] == "no-longer-read"
        await server.transact(transaction([{**task, "status": "completed"}]))
        await tell(NOTHING, "4")
        (same,) = await server.search("Task", {"focus": place(condition)})
        assert same["status"] == "completed"
