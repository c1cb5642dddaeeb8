"""Both readers see a note: what is in it word for word, what the model says, and where they agree."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.document.segment import segment
from medie_fhir.model import DocumentInfo, ExtractionRecord, NoteText, OffsetMap, Outcome
from medie_fhir.settings import Settings
from medie_fhir.wiring import assemble_pipeline

TEXT = "ASSESSMENT: Stage IIIA lung adenocarcinoma. Mother had breast cancer. Started carboplatin."
Read = Callable[..., Any]


@pytest.fixture
def read(configuration: Configuration, model: Any, twin: FhirTwin) -> Read:
    async def with_readers(text: str = TEXT, readers: tuple[str, ...] = ("lexicon", "model")) -> ExtractionRecord:
        settings = Settings.model_validate({"readers": readers})
        pipeline = assemble_pipeline(settings, configuration, model=model, source=twin, target=twin)
        return await pipeline.extract_text(DocumentInfo(reference="DocumentReference/d1", status="current"), note(text))

    return with_readers


def note(text: str) -> NoteText:
    found = segment(text)
    return NoteText(
        text=text,
        source=text,
        offsets=OffsetMap.identity(len(text)),
        content_type="text/plain",
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        sentences=found.sentences,
        sections=found.sections,
    )


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
