"""Half a document never lasts: what fails in the middle is put back, and the next attempt makes it whole."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_strategies import ByIdentifier, Piecewise
from medie_fhir.adapters.fhir_twin import FhirTwin, Profile
from medie_fhir.configuration import Configuration
from medie_fhir.errors import FhirConflict, FhirError, FhirRejected, FhirUnavailable, Policy
from medie_fhir.model import ExtractionRecord, Json, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import FhirServer
from medie_fhir.settings import Settings
from medie_fhir.transaction import is_in_error, transaction
from medie_fhir.wiring import assemble_pipeline

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected."
AMENDED = LUNG.replace(" EGFR L858R detected.", "").replace("IV", "III")
SAID = {"cancer_type": "lung adenocarcinoma", "stage": "IV", "gene_mutation": "EGFR L858R", "metastasis_site": "brain"}
SAID_LATER = {"cancer_type": "lung adenocarcinoma", "stage": "III", "metastasis_site": "brain"}
FACTS = ("Condition", "Observation", "DocumentReference")


class Failing:
    """A twin whose writes fail: the ``at``-th one, or that and all requests after it; before it is done or after."""

    def __init__(
        self, twin: FhirTwin, at: int, *, refused: bool = False, done: bool = False, down: bool = False
    ) -> None:
        self._twin, self._at = twin, at
        self._refused, self._done, self._down = refused, done, down
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._twin, name)

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        self._fail_if(self._down and self.writes > self._at)
        return await self._twin.read(resource_type, resource_id)

    async def search(self, resource_type: str, params: Any) -> list[Json]:
        self._fail_if(self._down and self.writes > self._at)
        return await self._twin.search(resource_type, params)

    async def write(self, entry: Json) -> Json:
        return await self._written(lambda: self._twin.write(entry))

    async def transact(self, bundle: Json) -> Json:
        return await self._written(lambda: self._twin.transact(bundle))

    async def _written(self, write: Callable[[], Any]) -> Json:
        number, self.writes = self.writes, self.writes + 1
        fails = number == self._at or (self._down and number > self._at)
        self._fail_if(fails and not (self._done and number == self._at))
        answer: Json = await write()
        self._fail_if(fails)
        return answer

    def _fail_if(self, fails: bool) -> None:
        if fails:
            raise FhirRejected("refused, says the test") if self._refused else FhirUnavailable("down, says the test")


NO_TRANSACTION = Profile(transaction=False)
NO_IDS = Profile(transaction=False, update_as_create=False)


def piecewise(server: Any, *, batch: bool, ids: bool) -> FhirServer:
    below = server if ids else ByIdentifier(server, conditional_update=True, conditional_create=True)
    return Piecewise(below, batch=batch)


class Lives:
    """The records of two versions of a note, and pipelines that publish them to any server."""

    def __init__(self, configuration: Configuration, model: Any, event: Callable[..., bytes]) -> None:
        self._configuration, self._model = configuration, model
        model.script = {"EGFR": SAID, "Lung": SAID_LATER}
        pipeline = self.pipeline(FhirTwin())
        self.first = asyncio.run(_record(pipeline, event(LUNG, version="1", subject={"reference": "Patient/1"})))
        self.second = asyncio.run(_record(pipeline, event(AMENDED, version="2", subject={"reference": "Patient/1"})))

    def pipeline(self, target: Any) -> Pipeline:
        return assemble_pipeline(Settings(), self._configuration, model=self._model, source=target, target=target)


async def _record(pipeline: Pipeline, value: bytes) -> ExtractionRecord:
    (event,) = await pipeline.events(value)
    assert isinstance(event, NoteEvent)
    return await pipeline.extract(event)


@pytest.fixture
def lives(configuration: Configuration, model: Any, event: Callable[..., bytes]) -> Lives:
    return Lives(configuration, model, event)


async def with_patient(profile: Profile) -> FhirTwin:
    twin = FhirTwin(profile=profile)
    await twin.write({"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}})
    return twin


async def failure_of(work: Awaitable[Any]) -> FhirError | None:
    try:
        await work
    except FhirError as error:
        return error
    return None


def said(resource: Json) -> Json:
    return {k: v for k, v in resource.items() if k != "meta"}


async def seen(server: FhirServer, places: list[str]) -> dict[str, Json]:
    found = [await server.read(*place.split("/")) for place in places]
    return {place: said(r) for place, r in zip(places, found, strict=True) if r is not None}


async def unsaid(server: FhirServer, facts: list[str]) -> list[str]:
    """The facts that hold, and no Provenance names."""
    standing = [place for place, resource in (await seen(server, facts)).items() if not is_in_error(resource)]
    return [place for place in standing if not await server.search("Provenance", {"target": place})]


def places(twin: FhirTwin, *types: str) -> list[str]:
    return [f"{r['resourceType']}/{r['id']}" for r in twin.current() if not types or r["resourceType"] in types]


@given(
    at=st.integers(0, 12),
    way=st.tuples(st.booleans(), st.booleans()),
    amended=st.booleans(),
    how=st.sampled_from(["refused", "lost before", "lost after", "down"]),
)
@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the records don't change
)
def test_after_a_failure_at_any_step_the_old_state_stands_and_the_next_attempt_makes_it_whole(
    at: int, way: tuple[bool, bool], amended: bool, how: str, lives: Lives
) -> None:
    batch, ids = way

    async def story() -> None:
        full, twin = await with_patient(Profile()), await with_patient(NO_TRANSACTION if ids else NO_IDS)
        sound = piecewise(twin, batch=batch, ids=ids)
        record = lives.second if amended else lives.first
        for server in (full, sound):
            if amended:
                await lives.pipeline(server).publish(lives.first)
        earlier = places(full, *FACTS)
        before = await seen(sound, earlier)
        await lives.pipeline(full).publish(record)

        # The Device is written before, by itself: here, the document alone is looked at.
        failing = Failing(twin, at + 1, refused=how == "refused", done=how == "lost after", down=how == "down")
        error = await failure_of(lives.pipeline(piecewise(failing, batch=batch, ids=ids)).publish(record))
        if error is None:
            assert failing.writes <= at + 1
        else:
            assert error.policy is (Policy.DEAD_LETTER if how == "refused" else Policy.RETRY)
        if error is not None and how != "down":
            now = await seen(sound, places(full, *FACTS))
            assert {place: now[place] for place in earlier} == before
            assert all(is_in_error(r) for place, r in now.items() if place not in before)

        await lives.pipeline(sound).publish(record)
        everything = places(full)
        assert await seen(sound, everything) == await seen(full, everything)
        assert await unsaid(sound, places(full, "Condition", "Observation")) == []
        assert len(twin.current()) == len(full.current())

    asyncio.run(story())


async def test_where_putting_back_fails_too_the_error_names_what_is_left_and_the_record_is_tried_again() -> None:
    twin = await with_patient(NO_TRANSACTION)
    with pytest.raises(FhirUnavailable, match=r"put back: .*DocumentReference/6ba7b810-9dad-51d1-80b4-00c04fd430c8"):
        await Piecewise(Failing(twin, 1, down=True), batch=False).transact(transaction([DOCUMENT, CONDITION]))


async def test_what_another_has_written_meanwhile_is_not_put_back() -> None:
    twin = await with_patient(NO_TRANSACTION)
    theirs = {**DOCUMENT, "status": "superseded"}

    class Meanwhile(Failing):
        async def write(self, entry: Json) -> Json:
            if self.writes == 1:
                await twin.write(put(theirs))
            return await super().write(entry)

    with pytest.raises(FhirRejected):
        await Piecewise(Meanwhile(twin, 1, refused=True), batch=False).transact(transaction([DOCUMENT, CONDITION]))
    assert [d["status"] for d in twin.current("DocumentReference")] == ["superseded"]


@pytest.mark.parametrize("batch", [True, False])
async def test_a_guard_that_fails_keeps_everything_from_being_written(batch: bool) -> None:
    twin = await with_patient(Profile(transaction=False, if_match=False))
    server = Piecewise(twin, batch=batch)
    await server.transact(transaction([DOCUMENT]))
    bundle = transaction([{**DOCUMENT, "status": "superseded"}, CONDITION])
    bundle["entry"][0]["request"]["ifMatch"] = 'W/"0"'
    versions = twin.count_versions()
    with pytest.raises(FhirConflict):
        await server.transact(bundle)
    assert twin.count_versions() == versions


@pytest.mark.parametrize("batch", [True, False])
async def test_the_answer_is_that_of_a_transaction_in_the_order_of_what_was_sent(batch: bool) -> None:
    twin = await with_patient(NO_TRANSACTION)
    answer = await Piecewise(twin, batch=batch).transact(transaction([CONDITION, DOCUMENT]))
    assert answer["type"] == "transaction-response"
    locations = [entry["response"]["location"].partition("/_history/")[0] for entry in answer["entry"]]
    assert locations == [f"Condition/{CONDITION['id']}", f"DocumentReference/{DOCUMENT['id']}"]


DOCUMENT: Json = {
    "resourceType": "DocumentReference",
    "id": "6ba7b810-9dad-51d1-80b4-00c04fd430c8",
    "status": "current",
    "content": [{"attachment": {"url": "urn:x"}}],
}
CONDITION: Json = {
    "resourceType": "Condition",
    "id": "6ba7b811-9dad-51d1-80b4-00c04fd430c8",
    "subject": {"reference": "Patient/1"},
    "evidence": [{"detail": [{"reference": f"DocumentReference/{DOCUMENT['id']}"}]}],
}


def put(resource: Json) -> Json:
    return {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize("ids", [True, False])
async def test_who_loses_a_race_to_create_takes_nothing_of_the_winner_back(batch: bool, ids: bool) -> None:
    twin = await with_patient(NO_TRANSACTION if ids else NO_IDS)
    theirs = {**DOCUMENT, "description": "the winner's"}

    class Overtaken(Failing):
        """Another is faster, between our looking and our writing."""

        async def _written(self, write: Callable[[], Any]) -> Json:
            if self.writes == 0:
                await piecewise(twin, batch=False, ids=ids).transact(transaction([theirs]))
            return await super()._written(write)

    guarded = transaction([DOCUMENT, CONDITION])
    guarded["entry"][0]["request"]["ifMatch"] = 'W/"0"'
    with pytest.raises(FhirConflict):
        await piecewise(Overtaken(twin, -1), batch=batch, ids=ids).transact(guarded)
    assert [(d["status"], d["description"]) for d in twin.current("DocumentReference")] == [("current", "the winner's")]
    assert twin.current("Condition") == []
