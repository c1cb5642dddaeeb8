"""The shadow reads along, and the first never knows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.errors import ModelUnavailable
from medie_fhir.model import Alignment, ExtractionRecord, Fact, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest
from medie_fhir.shadow_reading import Compared, ShadowReading, differences

TEXT = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases."
Through = Callable[[str], Any]


class Second:
    """A model of another mind; ``open`` lets its answers go."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields
        self.open = asyncio.Event()
        self.open.set()
        self.fault: Exception | None = None
        self.asked = 0

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked += 1
        await self.open.wait()
        if self.fault:
            raise self.fault
        said = {"cancer_type": "lung adenocarcinoma", "metastasis_site": "brain"}
        return ModelAnswer(json.dumps({name: said.get(name) for name in self.fields}), "stop")

    async def describe(self) -> ModelDescription:
        return ModelDescription("scripted", "new", "n3w")


@pytest.fixture
def second(pipeline: Pipeline) -> Second:
    return Second(pipeline.fields)


@pytest.fixture
def heard() -> list[Compared]:
    return []


@pytest.fixture
async def shadow(pipeline: Pipeline, model: Any, second: Second, heard: list[Compared]) -> AsyncIterator[ShadowReading]:
    model.script = {"Lung": {"cancer_type": "Lung  Adenocarcinoma", "stage": "IV"}}
    shadow = pipeline.shadowed_by(second, heard.append, most=2)
    task = asyncio.create_task(shadow.run())
    yield shadow
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
def through(pipeline: Pipeline, event: Callable[..., bytes]) -> Through:
    async def extract(text: str = TEXT) -> ExtractionRecord:
        (found,) = pipeline.parse(event(text))
        assert isinstance(found, NoteEvent)
        return await pipeline.extract(found)

    return extract


async def test_differences_are_told_by_field_and_the_record_is_the_firsts_alone(
    shadow: ShadowReading, through: Through, heard: list[Compared]
) -> None:
    record = await through(TEXT)
    await shadow.done()
    (compared,) = heard
    assert compared.differences == {
        ("cancer_type", "agree"): 1,
        ("stage", "only-first"): 1,
        ("metastasis_site", "only-second"): 1,
    }
    assert (compared.first.adapter, compared.second and compared.second.adapter) == ("medical-ie", "new")
    assert {fact.field for fact in record.facts} == {"cancer_type", "stage"}
    assert record.produced.adapter == "medical-ie"


async def test_a_shadow_that_hangs_keeps_nobody_waiting_and_what_is_too_much_is_dropped_and_counted(
    shadow: ShadowReading, through: Through, heard: list[Compared], second: Second
) -> None:
    second.open.clear()
    for _ in range(6):
        async with asyncio.timeout(10):
            assert (await through(TEXT)).facts
    dropped = [c for c in heard if c.result == "dropped"]
    assert 3 <= len(dropped) <= 4, "one is being read at most, and two wait"
    second.open.set()
    await shadow.done()
    assert len(heard) == 6


async def test_a_shadow_that_fails_is_told_and_goes_on(
    shadow: ShadowReading, through: Through, heard: list[Compared], second: Second
) -> None:
    for fault in (ModelUnavailable("away"), RuntimeError("Zyxomunda")):
        second.fault = fault
        assert (await through(TEXT)).facts
        await shadow.done()
    second.fault = None
    await through(TEXT)
    await shadow.done()
    assert [(c.result, c.error) for c in heard] == [
        ("failed", "ModelUnavailable"),
        ("failed", "RuntimeError"),
        ("compared", None),
    ]


async def test_a_note_that_was_triaged_is_not_read(shadow: ShadowReading, through: Through, second: Second) -> None:
    await through("Knee pain after a fall. X-ray without fracture.")
    await shadow.done()
    assert second.asked == 0


async def test_at_the_end_what_waits_is_read_and_what_is_not_is_told(
    shadow: ShadowReading, through: Through, heard: list[Compared], second: Second
) -> None:
    await through()
    await through()
    assert await shadow.ended(30) == 0
    assert [c.result for c in heard] == ["compared", "compared"]
    second.open.clear()
    await through()
    await through()
    assert await shadow.ended(0) == 2, "the one that is being read is not read yet"
    second.open.set()
    assert await shadow.ended(30) == 0


WORDS = st.builds(
    lambda field, value, reader: Fact(field=field, value=value, alignment=Alignment.EXACT, readers=(reader,)),
    st.sampled_from(["stage", "treatment"]),
    st.sampled_from(["a", "A ", "b", "c"]),
    st.sampled_from(["model", "lexicon"]),
)


@given(st.lists(WORDS), st.lists(WORDS))
def test_each_value_of_the_model_is_counted_once_and_the_two_may_change_places(
    one: list[Fact], other: list[Fact]
) -> None:
    found, turned = differences(one, other), differences(other, one)
    swap = {"agree": "agree", "only-first": "only-second", "only-second": "only-first"}
    assert turned == {(field, swap[kind]): count for (field, kind), count in found.items()}
    agree = sum(count for (_, kind), count in found.items() if kind == "agree")
    alone = sum(count for (_, kind), count in found.items() if kind == "only-first")
    assert agree + alone == sum("model" in fact.readers for fact in one)
    assert differences(one, one).keys() <= {(field, "agree") for field in ("stage", "treatment")}
