"""A note that several tasks read: in whatever order its events come, what holds is what each task alone would write."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.model import Json, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest
from medie_fhir.routing import Fit
from medie_fhir.settings import Settings
from medie_fhir.transaction import is_in_error, transaction
from medie_fhir.watched_pipeline import WatchedPipeline
from medie_fhir.wiring import assemble_pipeline

Event = Callable[..., bytes]

BOTH: Json = {"type": {"coding": [{"system": "http://loinc.org", "code": "34099-2"}]}}
CANCERS = {
    "Lung adenocarcinoma, stage IV.": {"cancer_type": "lung adenocarcinoma", "stage": "IV"},
    "Colon adenocarcinoma, stage III, on cisplatin.": {
        "cancer_type": "colon adenocarcinoma",
        "stage": "III",
        "treatment": "cisplatin",
    },
    "A torn meniscus.": {},
}
SECOND = {
    "cardiology": {
        "Atrial fibrillation, on bisoprolol.": {"rhythm": "atrial fibrillation", "medication": "bisoprolol"},
        "Heart failure.": {"heart_disease": "heart failure"},
        "Sinus rhythm was not looked at.": {},
    },
    "board": {  # a second reader of cancers: what it reads is read by the first one as well, or not at all
        "Cisplatin and pemetrexed are planned; cisplatin was given.": {"treatment": "cisplatin; pemetrexed"},
        "Biopsy: adenocarcinoma, stage III.": {"cancer_type": "adenocarcinoma", "stage": "III"},
        "Nothing else was said.": {},
    },
}


class Says:
    """A model of one task: it says of a text what its script does, and nothing of anything else."""

    def __init__(self, name: str, fields: Sequence[str], script: dict[str, dict[str, str]]) -> None:
        self.name, self.fields, self.script = name, fields, script

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        text = request.messages[-1]["content"]
        said = {k: v for mark, values in self.script.items() if mark in text for k, v in values.items()}
        return ModelAnswer(json.dumps({name: said.get(name) for name in self.fields}), "stop")

    async def describe(self) -> ModelDescription:
        return ModelDescription("scripted", self.name, "d1g35t", "twin 1")


class Tasks(NamedTuple):
    """Two tasks, and the names of the fields that both have."""

    first: Configuration
    second: Configuration

    @property
    def shared(self) -> frozenset[str]:
        return frozenset(self.first.task.fields) & frozenset(self.second.task.fields)

    def pipelines(self, twin: FhirTwin) -> tuple[WatchedPipeline, WatchedPipeline]:
        """Each task's own, over one server, the ids of the second as they are beside the first."""
        made = []
        for configuration, script in ((self.first, CANCERS), (self.second, SECOND[self.second.task.name])):
            model = Says(configuration.task.adapter, tuple(configuration.task.fields), script)
            own = Settings(readers=("model",))
            made.append(assemble_pipeline(own, configuration, model=model, source=twin, target=twin))
        made[1].options = replace(made[1].options, shared_fields=self.shared)
        return made[0], made[1]

    def together(self, twin: FhirTwin) -> WatchedPipeline:
        """The first, which reads all notes, and the second, which reads some of them as well."""
        first, second = self.pipelines(twin)
        first.route((Fit(second.task.name, also=True, types={"34099-2"}),), {second.task.name: second})
        return first


@pytest.fixture(scope="module")
def hearts() -> Configuration:
    return Configuration(Settings(task="cardiology", mapping="cardiology"))


@pytest.fixture(scope="module", params=["cardiology", "board"])
def tasks(request: pytest.FixtureRequest, configuration: Configuration, hearts: Configuration) -> Tasks:
    if request.param == "cardiology":
        return Tasks(configuration, hearts)
    board = copy.copy(configuration)
    board.task = configuration.task.model_copy(update={"name": "board", "adapter": "board"})
    return Tasks(configuration, board)


class Said(NamedTuple):
    """A version: what it says of the one thing and of the other, whether the second task reads it, or how it ended."""

    cancer: int = 0
    other: int = 0
    fits: bool = True
    status: str = "current"


VERSIONS = st.builds(
    Said,
    st.integers(0, 2),
    st.integers(0, 2),
    st.booleans(),
    st.sampled_from(["current", "current", "current", "entered-in-error", "superseded"]),
)


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Said], list[int]]:
    """What a document said, version by version; and the order in which its events come, some of them again."""
    life = draw(st.lists(VERSIONS, min_size=1, max_size=4))
    whole = range(len(life))
    if draw(st.booleans()):  # a partition, and again from somewhere on
        return life, [*whole, *range(draw(st.integers(0, len(life))), len(life))]
    comes = draw(st.permutations(whole))
    return life, [*comes, *draw(st.lists(st.sampled_from(comes), max_size=2))]


LAW = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(life=lives())
@example(life=([Said(0, 0, fits=True), Said(0, 0, fits=False)], [0, 1]))
@example(life=([Said(0, 0, fits=True), Said(0, 0, fits=False)], [1, 0]))
@example(life=([Said(0, 0), Said(status="entered-in-error")], [1, 0, 1]))
@LAW
def test_what_holds_is_what_each_task_alone_would_write_of_the_newest_version(
    life: tuple[list[Said], list[int]], tasks: Tasks, event: Event
) -> None:
    said, comes = life
    texts = [f"{[*CANCERS][s.cancer]}\n{[*SECOND[tasks.second.task.name]][s.other]}" for s in said]
    events = [
        event(text, version=str(n), status=s.status, **(BOTH if s.fits else {}))
        for n, (s, text) in enumerate(zip(said, texts, strict=True), start=1)
    ]
    alone = asyncio.run(each_alone(tasks, events[-1], second=said[-1].fits))
    assert asyncio.run(lived(tasks, [events[n] for n in comes])) == alone


async def lived(tasks: Tasks, came: Sequence[bytes]) -> dict[str, str]:
    """What holds after all that came; and that all of it, come again, changes nothing."""
    twin = await with_a_patient()
    pipeline = tasks.together(twin)
    for value in came:
        await through(pipeline, value)
    versions = twin.count_versions()
    for value in came:
        await through(pipeline, value)
    assert twin.count_versions() == versions, "done again, something changed"
    assert len(twin.current("DocumentReference")) <= 1
    return holding(twin)


async def each_alone(tasks: Tasks, value: bytes, *, second: bool) -> dict[str, str]:
    """What holds after one event, read by the first task alone, and by the second alone if it reads such notes."""
    held: dict[str, str] = {}
    for number in range(1 + second):
        twin = await with_a_patient()
        await through(tasks.pipelines(twin)[number], value)
        found = holding(twin)
        assert not held.keys() & found.keys(), "two tasks write no resource in common"
        held |= found
    return held


async def with_a_patient() -> FhirTwin:
    twin = FhirTwin()
    await twin.transact(transaction([{"resourceType": "Patient", "id": "p1"}]))
    return twin


async def through(pipeline: Pipeline, value: bytes) -> None:
    (event,) = await pipeline.events(value)
    assert isinstance(event, NoteEvent)
    record = await pipeline.extract(event)
    await pipeline.publish(pipeline.record(record.to_json().encode()))


KINDS = ("Condition", "Observation", "Procedure", "Medication", "MedicationRequest", "MedicationStatement")
OF_THE_WORK = ("meta", "identifier", "recordedDate", "issued", "dateAsserted", "authoredOn")
"""Its times, and the stamp, which has them in it."""


def holding(twin: FhirTwin) -> dict[str, str]:
    """The content of each fact that holds, but for the times of the work, by its place."""
    found = {}
    for kind in KINDS:
        for resource in twin.current(kind):
            if not is_in_error(resource):
                said = {k: v for k, v in resource.items() if k not in OF_THE_WORK}
                found[f"{kind}/{resource['id']}"] = json.dumps(said, sort_keys=True)
    return found
