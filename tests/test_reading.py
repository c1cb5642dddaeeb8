"""Both readers see a note: what is in it word for word, what the model says, and where they agree."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from medie_fhir import reading
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.document import note_text
from medie_fhir.model import DocumentInfo, Experiencer, ExtractionRecord, Outcome
from medie_fhir.settings import Settings
from medie_fhir.telemetry import passing_on, trace_headers
from medie_fhir.wiring import assemble_pipeline

TEXT = "ASSESSMENT: Stage IIIA lung adenocarcinoma. Mother had breast cancer. Started carboplatin."
Read = Callable[..., Any]


@pytest.fixture
def read(configuration: Configuration, model: Any, twin: FhirTwin) -> Read:
    async def with_readers(text: str = TEXT, readers: tuple[str, ...] = ("lexicon", "model")) -> ExtractionRecord:
        settings = Settings.model_validate({"readers": readers})
        pipeline = assemble_pipeline(settings, configuration, model=model, source=twin, target=twin)
        return await pipeline.extract_text(
            DocumentInfo(reference="DocumentReference/d1", status="current"), note_text(text)
        )

    return with_readers


def seen(record: ExtractionRecord, field: str) -> dict[str, tuple[str, ...]]:
    return {fact.value: fact.readers for fact in record.facts if fact.field == field}


async def test_where_both_see_a_value_it_is_one_fact_of_both(read: Read, model: Any) -> None:
    model.script = {"IIIA": {"stage": "IIIA", "treatment": "carboplatin", "response": "stable disease"}}
    record = await read()
    assert seen(record, "stage") == {"Stage IIIA": ("lexicon", "model")}
    assert seen(record, "treatment") == {"carboplatin": ("lexicon", "model")}
    assert seen(record, "response") == {"stable disease": ("model",)}, "kept, though it stands nowhere in the note"


async def test_each_reader_can_read_alone(read: Read, model: Any) -> None:
    model.script = {"IIIA": {"stage": "IIIA"}}
    by_model = await read(readers=("model",))
    assert [(f.field, f.value, f.readers) for f in by_model.facts] == [("stage", "IIIA", ("model",))]
    asked = model.asked
    alone = await read(readers=("lexicon",))
    assert model.asked == asked, "nobody asked the model"
    assert {fact.readers for fact in alone.facts} == {("lexicon",)}
    assert alone.produced.model == "none"


async def test_what_both_read_has_a_probability_and_keeps_what_each_gave(read: Read, model: Any) -> None:
    model.script = {"IIIA": {"stage": "IIIA", "response": "stable disease"}}
    facts = {fact.value: fact for fact in (await read()).facts}
    both, invented = facts["Stage IIIA"], facts["stable disease"]
    assert [(one.reader, one.value) for one in both.sightings] == [("lexicon", "Stage IIIA"), ("model", "IIIA")]
    assert (both.confidence or 0) > (invented.confidence or 0)
    assert both.confidence not in [one.confidence for one in both.sightings]
    alone = {fact.value: fact for fact in (await read(readers=("model",))).facts}
    assert alone["IIIA"].confidence == alone["IIIA"].sightings[0].confidence, "its own, where it reads alone"


async def test_what_reads_is_told_in_the_record(read: Read) -> None:
    digests = {(await read(readers=r)).produced.task_digest for r in (("lexicon",), ("model",), ("lexicon", "model"))}
    assert len(digests) == 3, "the lexicon's rules, and of both readers the calibration, are what a record was made by"


@pytest.mark.parametrize("readers", [("lexicon",), ("model",), ("lexicon", "model")])
async def test_a_note_of_something_else_is_left_alone(read: Read, model: Any, readers: tuple[str, ...]) -> None:
    model.answer = '{"cancer_type": "lung cancer"}'
    record = await read("Knee pain after a fall. X-ray without fracture.", readers)
    assert (record.outcome, record.facts, model.asked) == (Outcome.TRIAGED, (), 0)


@pytest.mark.parametrize("part", ["read_lexically", "ground"])
async def test_the_loop_goes_on_while_a_note_is_looked_through(
    read: Read, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    whole = getattr(reading, part)
    heard: list[Mapping[str, str]] = []
    order: list[str] = []
    loop, begun, answered = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def held(*args: Any) -> Any:
        """The part itself, that goes on only when the loop has done something else."""
        heard.append(dict(trace_headers()))
        loop.call_soon_threadsafe(begun.set)
        assert answered.wait(30), "the loop was held"
        order.append("read")
        return whole(*args)

    async def another() -> None:
        await begun.wait()
        order.append("answered")
        answered.set()

    monkeypatch.setattr(reading, part, held)
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with passing_on(trace):
        record, _ = await asyncio.gather(read(readers=("lexicon",)), another())
    assert record.facts
    assert order == ["answered", "read"]
    assert heard == [trace], "the trace is the note's there too"


@pytest.mark.parametrize("readers", [("lexicon",), ("model",), ("lexicon", "model")])
@pytest.mark.parametrize(
    "aside",
    [
        "Patient education: carboplatin may cause nausea.",
        "Note to the coder: please add carboplatin.",
        "[ ] carboplatin",
        "This note was written in the wrong chart. Started carboplatin.",
    ],
)
async def test_what_a_note_says_aside_is_nobodys_whoever_reads(
    read: Read, model: Any, readers: tuple[str, ...], aside: str
) -> None:
    model.script = {"carboplatin": {"treatment": "carboplatin"}}
    said = await read("Lung adenocarcinoma. Started carboplatin.", readers)
    assert [f.experiencer for f in said.facts if f.field == "treatment"] == [Experiencer.PATIENT]
    record = await read(f"Lung adenocarcinoma.\n{aside}", readers)
    assert Experiencer.PATIENT not in [f.experiencer for f in record.facts if f.field == "treatment"]


async def test_a_fault_of_the_reading_is_the_notes_own(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(reading, "ground", fails)
        with pytest.raises(ZeroDivisionError):
            await read(readers=("lexicon",))
    assert (await read(readers=("lexicon",))).facts, "the next one is read"


async def test_many_notes_at_once_are_read_as_each_alone(read: Read) -> None:
    texts = [TEXT.replace("IIIA", stage) for stage in ("I", "II", "IIIA", "IV")] * 4
    alone = [(await read(text, ("lexicon",))).facts for text in texts]
    together = [record.facts for record in await asyncio.gather(*(read(text, ("lexicon",)) for text in texts))]
    assert together == alone
