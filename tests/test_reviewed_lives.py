"""The life of a document whose facts a person works on too: what a person has changed stays, as the mapping says."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_http import FhirHttp
from medie_fhir.adapters.fhir_strategies import Strategy, by_strategy
from medie_fhir.adapters.fhir_twin import FhirTwin, Request
from medie_fhir.adapters.fhir_twin.profile import Profile
from medie_fhir.adapters.fhir_twin.store import Version
from medie_fhir.errors import FhirConflict
from medie_fhir.model import Json, NoteEvent
from medie_fhir.pipeline import Options, Pipeline, Published
from medie_fhir.settings import Settings
from medie_fhir.transaction import SourceDocuments, is_in_error, place, transaction
from medie_fhir.transaction.stamp import is_as_written
from medie_fhir.wiring import Configuration, assemble_pipeline

Event = Callable[..., bytes]
Edit = Callable[[Json, int], Json]

LUNG, COLON, NOTHING = "Lung adenocarcinoma, stage IV.", "Colon adenocarcinoma, stage III.", "A torn meniscus."
SAID = {
    "Lung adenocarcinoma": {"cancer_type": "lung adenocarcinoma", "stage": "IV"},
    "Colon adenocarcinoma": {"cancer_type": "colon adenocarcinoma", "stage": "III"},
}
HOLDS = {LUNG: {"lung adenocarcinoma", "IV"}, COLON: {"colon adenocarcinoma", "III"}, NOTHING: set[str]()}
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def judge(condition_word: str, observation_word: str) -> Edit:
    """A person's judgement of a Condition, or of an Observation."""

    def edit(resource: Json, _: int) -> Json:
        if resource["resourceType"] == "Condition":
            return {**resource, "verificationStatus": {"coding": [{"system": VERIFICATION, "code": condition_word}]}}
        return {**resource, "status": observation_word}

    return edit


def correct(resource: Json, _: int) -> Json:
    """A code that a coder put right."""
    return {**resource, "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}], "text": "corrected"}}


def spoken_of(resource: Json, number: int) -> Json:
    """Nothing is changed, and someone says that they have looked at it."""
    return {
        "resourceType": "Provenance",
        "id": f"theirs-{number}",
        "target": [{"reference": place(resource)}],
        "recorded": "2099-01-01T00:00:00Z",
        "agent": [{"who": {"display": "Tumour board"}}],
    }


EDITS: dict[str, Edit] = {
    "confirm": judge("confirmed", "final"),
    "refute": judge("refuted", "cancelled"),
    "correct a code": correct,
    "add a note": lambda r, n: {**r, "note": [{"text": f"Discussed, {n}."}]},
    "save in a client that sends less": lambda r, _: {k: v for k, v in r.items() if k not in ("extension", "subject")},
    "save as another source": lambda r, n: {**r, "meta": {"source": "urn:ehr"}, "language": f"x-{n}"},
    "sign in a Provenance": spoken_of,
}


CASES = list(itertools.product(["keep", "flag"], EDITS, ["Condition", "Observation"]))


async def edited(twin: FhirTwin, reference: str, edit: Edit, number: int = 0) -> Json:
    """The resource as it stands after the edit."""
    resource = await twin.read(*reference.split("/"))
    assert resource is not None
    await twin.transact(transaction([edit(resource, number)]))
    after = await twin.read(*reference.split("/"))
    assert after is not None
    return after


def of(pipeline: Pipeline, reviewed: str) -> Pipeline:
    """The pipeline with a mapping that says what becomes of edits."""
    file = pipeline.mapping.file.model_copy(update={"reviewed": reviewed})
    pipeline.mapping = replace(pipeline.mapping, file=file)
    return pipeline


async def through(pipeline: Pipeline, value: bytes) -> Published:
    (event,) = await pipeline.events(value)
    assert isinstance(event, NoteEvent)
    return await pipeline.publish(await pipeline.extract(event))


def facts(twin: FhirTwin) -> list[Json]:
    return [*twin.current("Condition"), *twin.current("Observation")]


def reasons(twin: FhirTwin) -> list[str]:
    """Why a reviewer is asked to look again."""
    return sorted(t["reasonCode"]["coding"][0]["code"] for t in twin.current("Task"))


@pytest.fixture(autouse=True)
def script(model: Any) -> None:
    model.script = SAID


@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_what_a_person_has_changed_stays_through_every_change_of_its_note(
    pipeline: Pipeline, twin: FhirTwin, event: Event, case: tuple[str, str, str]
) -> None:
    reviewed, edit, kind = case
    of(pipeline, reviewed)
    await through(pipeline, event(LUNG, version="1"))
    (resource,) = twin.current(kind)
    theirs = await edited(twin, place(resource), EDITS[edit])
    for text, version in ((LUNG, "1"), (LUNG + " No fever.", "2"), (COLON, "3"), (NOTHING, "4"), (LUNG, "5")):
        for _ in range(2):
            published = await through(pipeline, event(text, version=version))
            assert await twin.read(kind, resource["id"]) == theirs
        assert published.kept == 1
    for _ in range(2):
        await through(pipeline, event(LUNG, version="6", status="entered-in-error"))
        assert await twin.read(kind, resource["id"]) == theirs
    (gone,) = [
        p
        for p in twin.current("Provenance")
        if p.get("activity", {}).get("text") == "No longer holds: entered-in-error"
    ]
    assert place(resource) not in {t["reference"] for t in gone["target"]}
    assert reasons(twin) == (["no-longer-read", "note-entered-in-error"] if reviewed == "flag" else [])


@pytest.mark.parametrize("edit", EDITS)
async def test_where_the_mapping_says_so_a_persons_change_is_written_over_and_taken_back(
    pipeline: Pipeline, twin: FhirTwin, event: Event, edit: str
) -> None:
    of(pipeline, "overwrite")
    await through(pipeline, event(LUNG, version="1"))
    (before,) = twin.current("Condition")
    await edited(twin, place(before), EDITS[edit])
    await through(pipeline, event(LUNG, version="1"))
    (after,) = twin.current("Condition")
    assert {k: v for k, v in after.items() if k != "meta"} == {k: v for k, v in before.items() if k != "meta"}
    await edited(twin, place(before), EDITS[edit], 1)
    assert (await through(pipeline, event(NOTHING, version="2"))).retracted == 2
    assert all(map(is_in_error, facts(twin)))


async def test_what_a_person_has_entered_in_error_does_not_come_back_and_what_they_revive_stays(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    await through(pipeline, event(LUNG, version="1"))
    (wrong,), (right,) = twin.current("Observation"), twin.current("Condition")
    await edited(twin, place(wrong), judge("entered-in-error", "entered-in-error"))
    await through(pipeline, event(LUNG, version="1"))
    assert is_in_error(twin.current("Observation")[0])
    await through(pipeline, event(NOTHING, version="2"))
    assert is_in_error(twin.current("Condition")[0])
    await edited(twin, place(right), lambda r, _: {**r, "verificationStatus": right["verificationStatus"]})
    await through(pipeline, event(NOTHING, version="3"))
    assert not is_in_error(twin.current("Condition")[0])


async def test_a_person_who_puts_it_back_as_it_was_has_changed_nothing(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    await through(pipeline, event(LUNG, version="1"))
    (before,) = twin.current("Condition")
    await edited(twin, place(before), EDITS["refute"])
    await edited(twin, place(before), lambda *_: before)
    assert (await through(pipeline, event(NOTHING, version="2"))) == Published("written", 0, 2)


async def test_what_an_older_release_wrote_without_a_stamp_is_updated_and_then_has_one(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    await through(pipeline, event(LUNG, version="1"))
    before = facts(twin)
    for fact in before:
        await edited(twin, place(fact), lambda r, _: {**r, "identifier": r["identifier"][:-1]})
    assert (await through(pipeline, event(LUNG, version="1"))).kept == 0
    assert [fact["identifier"] for fact in facts(twin)] == [fact["identifier"] for fact in before]


async def test_a_merge_that_rewrites_whose_all_is_has_edited_nothing(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    """As ``$merge`` of the retired p1 into p2 does: every reference to the one is then to the other."""
    of(pipeline, "flag")
    await through(pipeline, event(LUNG, version="1"))
    survivor = {"reference": "Patient/p2"}
    retired = {"link": [{"type": "replaced-by", "other": survivor}], "active": False}
    patients = [{"resourceType": "Patient", "id": "p2"}, {"resourceType": "Patient", "id": "p1", **retired}]
    await twin.transact(transaction(patients))
    for resource in [*facts(twin), *twin.current("DocumentReference")]:
        await edited(twin, place(resource), lambda r, _: {**r, "subject": survivor})
    theirs = await edited(twin, place(twin.current("Condition")[0]), EDITS["confirm"])
    assert await through(pipeline, event(LUNG, version="1")) == Published("written", 1, 0, 1)
    assert reasons(twin) == []
    assert (await through(pipeline, event(LUNG, version="2", status="entered-in-error", subject=None))).retracted == 1
    assert twin.current("Condition") == [theirs]


async def test_what_a_person_changed_for_a_patient_whose_note_it_never_was_is_shown_to_them(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    of(pipeline, "flag")
    await twin.transact(transaction([{"resourceType": "Patient", "id": "p2"}]))
    await through(pipeline, event(LUNG, version="1"))
    theirs = await edited(twin, place(twin.current("Condition")[0]), EDITS["confirm"])
    await through(pipeline, event(LUNG, version="2", subject={"reference": "Patient/p2"}))
    assert twin.current("Condition") == [theirs]
    assert twin.current("Observation")[0]["subject"] == {"reference": "Patient/p2"}
    assert reasons(twin) == ["note-of-another-patient"]


async def test_an_edit_by_which_the_stamp_alone_is_lost_stays(pipeline: Pipeline, twin: FhirTwin, event: Event) -> None:
    await through(pipeline, event(LUNG, version="1"))
    noted = {"note": [{"text": "Discussed."}]}
    (stage,) = twin.current("Observation")
    theirs = await edited(twin, place(stage), lambda r, _: {**r, **noted, "identifier": r["identifier"][:-1]})
    for text, version in ((LUNG + " No fever.", "2"), (NOTHING, "3"), (LUNG, "4")):
        assert (await through(pipeline, event(text, version=version))).kept == 1
        assert twin.current("Observation") == [theirs]


async def test_a_persons_progress_on_a_task_stands(pipeline: Pipeline, twin: FhirTwin, event: Event) -> None:
    of(pipeline, "flag")
    await through(pipeline, event(LUNG, version="1"))
    await edited(twin, place(twin.current("Condition")[0]), EDITS["confirm"])
    await through(pipeline, event(NOTHING, version="2"))
    (task,) = twin.current("Task")
    assert task["focus"] == {"reference": place(twin.current("Condition")[0])}
    done = await edited(twin, place(task), lambda r, _: {**r, "status": "completed"})
    for text, version in ((NOTHING, "2"), (NOTHING, "3")):
        await through(pipeline, event(text, version=version))
        assert twin.current("Task") == [done]


async def test_a_note_that_is_read_differently_asks_once_and_one_that_is_read_alike_does_not(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    """The stage is of a later day: the same meaning, so the same resource, with other content."""
    of(pipeline, "flag")
    await through(pipeline, event(LUNG, version="1"))
    await edited(twin, place(twin.current("Observation")[0]), EDITS["confirm"])
    await through(pipeline, event(LUNG + " No fever.", version="2"))
    assert reasons(twin) == []
    for version in ("3", "4"):
        await through(pipeline, event(LUNG, version=version, date="2026-02-01T09:00:00Z"))
        assert reasons(twin) == ["read-differently"]


@pytest.mark.parametrize("all_of_it", [True, False])
async def test_what_was_deleted_by_others_does_not_hold_a_note_up_for_ever(
    pipeline: Pipeline, twin: FhirTwin, event: Event, all_of_it: bool
) -> None:
    """A copy that was deleted has a version that can't be read, so it can't be guarded; what stands is still read."""
    await through(pipeline, event(LUNG, version="2"))
    theirs = await edited(twin, place(twin.current("Condition")[0]), EDITS["confirm"])
    kinds = ["Provenance", "Observation", "Condition", "DocumentReference"]
    gone = Version(9, "DELETE", "2026-01-09T00:00:00Z", None)  # in the store: the twin keeps what is referred to
    for resource in [r for kind in kinds[0 if all_of_it else 3 :] for r in twin.current(kind)]:
        twin._store.write(resource["resourceType"], resource["id"], gone, [])
    assert twin.current("DocumentReference") == []
    if all_of_it:
        assert await through(pipeline, event(LUNG, version="2")) == Published("written", 2)
    else:
        assert await through(pipeline, event(LUNG, version="1")) == Published("stale")
        assert await through(pipeline, event(LUNG, version="2")) == Published("written", 1, 0, 1)
        assert twin.current("Condition") == [theirs]
    assert len(twin.current("DocumentReference")) == 1


async def test_a_task_that_a_person_deleted_stays_deleted(pipeline: Pipeline, twin: FhirTwin, event: Event) -> None:
    of(pipeline, "flag")
    await through(pipeline, event(LUNG, version="1"))
    await edited(twin, place(twin.current("Condition")[0]), EDITS["confirm"])
    await through(pipeline, event(NOTHING, version="2"))
    twin.answer(Request("DELETE", place(twin.current("Task")[0])))
    assert (await through(pipeline, event(NOTHING, version="2"))).kept == 1
    assert twin.current("Task") == []


class Raced:
    """The twin, where a person is faster than the next transaction that writes facts."""

    def __init__(self, twin: FhirTwin) -> None:
        self.twin, self.edit = twin, lambda: asyncio.sleep(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.twin, name)

    async def transact(self, bundle: Json) -> Json:
        edit, self.edit = self.edit, lambda: asyncio.sleep(0)
        await edit()
        return await self.twin.transact(bundle)


@pytest.mark.parametrize("copies", [True, False])
@pytest.mark.parametrize("text", [LUNG + " No fever.", COLON])  # written over, taken back
async def test_an_edit_between_reading_and_writing_is_not_lost(
    pipeline: Pipeline, twin: FhirTwin, event: Event, text: str, copies: bool
) -> None:
    raced: Any = Raced(twin)
    pipeline.options, pipeline.target = Options(documents=SourceDocuments("copy" if copies else "reference")), raced
    await twin.transact(transaction([{"resourceType": "DocumentReference", "id": "d1", "status": "current"}]))
    await through(pipeline, event(LUNG, version="1"))
    (condition,) = twin.current("Condition")
    await through(pipeline, event(LUNG, version="1"))  # the Device is known by now
    raced.edit = lambda: edited(twin, place(condition), EDITS["add a note"])
    with pytest.raises(FhirConflict):
        await through(pipeline, event(text, version="2"))
    theirs = await twin.read("Condition", condition["id"])
    assert theirs is not None
    assert theirs["note"] == [{"text": "Discussed, 0."}]
    assert (await through(pipeline, event(text, version="2"))).kept == 1
    assert await twin.read("Condition", condition["id"]) == theirs


async def test_without_a_guard_no_condition_is_sent(pipeline: Pipeline, twin: FhirTwin, event: Event) -> None:
    sent: list[Json] = []
    raced: Any = Raced(twin)
    pipeline.options, pipeline.target = Options(guarded=False), raced
    await through(pipeline, event(LUNG, version="1"))
    raced.transact = lambda bundle: sent.append(bundle) or twin.transact(bundle)
    await through(pipeline, event(COLON, version="2"))
    assert sent
    assert not [entry for entry in sent[-1]["entry"] if "ifMatch" in entry["request"]]


async def test_a_fact_whose_provenance_was_lost_is_read_before_it_is_written(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    await through(pipeline, event(LUNG, version="1"))
    theirs = await edited(twin, place(twin.current("Condition")[0]), EDITS["confirm"])
    (provenance,) = twin.current("Provenance")
    await twin.transact(transaction([{**provenance, "target": [{"reference": "Patient/p1"}]}]))
    await through(pipeline, event(LUNG, version="2"))
    assert twin.current("Condition") == [theirs]


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
    configuration: Configuration, model: Any, event: Event, lack: str
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
    pipeline = of(assemble_pipeline(Settings(), configuration, model=model, source=twin, target=target), "flag")

    async def tell(text: str, version: str) -> Published:
        return await through(pipeline, event(text, version=version, subject=subject))

    for text, version in ((LUNG, "1"), (LUNG, "1"), (LUNG + " No fever.", "2")):
        assert await tell(text, version) == Published("written", 2)
    put(EDITS["confirm"](twin.current("Condition")[0], 0))
    theirs = twin.current("Condition")
    for text, version in ((LUNG + " No fever.", "2"), (NOTHING, "3"), (NOTHING, "3"), (LUNG, "4")):
        assert (await tell(text, version)).kept == 1
        assert twin.current("Condition") == theirs
    assert theirs[0]["verificationStatus"]["coding"][0]["code"] == "confirmed"
    assert reasons(twin) == ["no-longer-read"]


STEPS = st.lists(
    st.tuples(st.just("event"), st.integers(0, 3)) | st.tuples(st.sampled_from(list(EDITS)), st.integers(0, 3)),
    min_size=2,
    max_size=9,
)


@given(
    life=st.lists(st.sampled_from([LUNG, COLON, NOTHING, "entered-in-error"]), min_size=1, max_size=4),
    steps=st.tuples(st.sampled_from(["keep", "flag"]), STEPS),
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_events_and_edits_take_turns_no_edited_resource_ever_changes_and_the_others_follow_the_note(
    life: list[str], steps: tuple[str, list[tuple[str, int]]], configuration: Configuration, model: Any, event: Event
) -> None:
    model.script = SAID
    reviewed, turns = steps
    values = [
        event(LUNG, version=str(n + 1), status=what) if what == "entered-in-error" else event(what, version=str(n + 1))
        for n, what in enumerate(life)
    ]

    async def lived() -> None:
        twin = FhirTwin()
        await twin.transact(transaction([{"resourceType": "Patient", "id": "p1"}]))
        pipeline = of(assemble_pipeline(Settings(), configuration, model=model, source=twin, target=twin), reviewed)
        theirs: dict[str, Json] = {}
        meant: dict[str, str] = {}

        async def happens(number: int) -> None:
            await through(pipeline, values[number % len(values)])
            for fact in facts(twin):
                meant.setdefault(place(fact), (fact.get("valueCodeableConcept") or fact["code"])["text"])
            for reference, resource in theirs.items():
                assert await twin.read(*reference.split("/")) == resource

        for number, (what, which) in enumerate(turns):
            standing = sorted(map(place, facts(twin)))
            if what == "event":
                await happens(which)
            elif standing:
                reference = standing[which % len(standing)]
                theirs[reference] = await edited(twin, reference, EDITS[what], number)
        for number in range(len(values)):
            await happens(number)
        versions = twin.count_versions()
        for number in (*range(len(values)), *range(len(values))):
            await happens(number)
        assert twin.count_versions() == versions, "done again, something changed"
        ours = {meant[place(f)] for f in facts(twin) if place(f) not in theirs and not is_in_error(f)}
        assert ours == HOLDS.get(life[-1], set()) - {meant[reference] for reference in theirs}

    asyncio.run(lived())


@pytest.mark.fhir
async def test_on_a_real_server_what_we_wrote_is_as_we_wrote_it_and_what_a_person_changed_stays(
    configuration: Configuration, model: Any, event: Event, fhir_address: str
) -> None:
    document = f"d-{uuid.uuid4().hex[:12]}"
    async with FhirHttp(fhir_address) as server:
        pipeline = of(assemble_pipeline(Settings(), configuration, model=model, source=server, target=server), "flag")
        subject = {"reference": f"Patient/{document}"}
        await server.transact(transaction([{"resourceType": "Patient", "id": document}]))

        async def tell(text: str, version: str) -> Published:
            return await through(pipeline, event(text, document, version, subject=subject))

        async def stands(kind: str) -> list[Json]:
            return await server.search(kind, {"subject": subject["reference"]})

        await tell(LUNG, "1")
        written = [*await stands("Condition"), *await stands("Observation")]
        assert [is_as_written(fact) for fact in written] == [True, True]
        assert (await tell(LUNG + " No fever.", "2")).kept == 0
        (condition,) = await stands("Condition")
        confirmed = EDITS["confirm"](EDITS["add a note"](condition, 0), 0)
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
