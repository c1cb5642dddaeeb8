"""What a person does to the facts of a note, and how a note is told."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.model import Json, NoteEvent
from medie_fhir.pipeline import Pipeline, Published
from medie_fhir.transaction import place, transaction

Edit = Callable[[Json, int], Json]

SAID = {
    "Lung adenocarcinoma": {"cancer_type": "lung adenocarcinoma", "stage": "IV"},
    "Colon adenocarcinoma": {"cancer_type": "colon adenocarcinoma", "stage": "III"},
}
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


@pytest.fixture(params=EDITS)
def edit(request: pytest.FixtureRequest) -> Edit:
    """Each of the edits in turn."""
    return EDITS[request.param]


@pytest.fixture(params=itertools.product(["keep", "flag"], EDITS, ["Condition", "Observation"]), ids="-".join)
def case(request: pytest.FixtureRequest) -> tuple[str, Edit, str]:
    """What the mapping says of edits, an edit, and the type of what is edited."""
    reviewed, edit, kind = request.param
    return reviewed, EDITS[edit], kind


@pytest.fixture(scope="session")
def acts() -> SimpleNamespace:
    """What happens to a note and its facts, and what is then to be seen."""
    return SimpleNamespace(
        edits=EDITS, judge=judge, edited=edited, of=of, through=through, facts=facts, reasons=reasons
    )
