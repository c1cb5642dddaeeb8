"""What a record becomes beside what stands; of the same record always the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from medie_fhir.drafting import Draft, Drafting, Published
from medie_fhir.model import (
    Alignment,
    CodedFact,
    Evidence,
    ExtractionRecord,
    Fact,
    Json,
    NoteEvent,
    Outcome,
)
from medie_fhir.pipeline import Pipeline
from medie_fhir.transaction import SourceDocuments, Standing, place
from medie_fhir.writing import Part, Writing, resources_of

Event = Callable[..., bytes]

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected. No liver metastases."
NOTHING = "Right knee arthroscopy for a torn meniscus. Uneventful recovery."


@pytest.fixture
def drafting(pipeline: Pipeline) -> Drafting:
    return Drafting(pipeline.mapping, pipeline.tables, SourceDocuments())


async def read(pipeline: Pipeline, value: bytes) -> tuple[ExtractionRecord, tuple[CodedFact, ...]]:
    (event,) = await pipeline.events(value)
    assert isinstance(event, NoteEvent)
    record = await pipeline.extract(event)
    return record, pipeline.coded(record)


async def test_a_note_that_says_nothing_has_something_to_say_where_something_is_known_of_it(
    pipeline: Pipeline, drafting: Drafting, event: Event
) -> None:
    record, facts = await read(pipeline, event(NOTHING))
    assert not drafting.says(record, facts, Standing())
    writing = Writing((Part(record, drafting, facts=facts),))
    assert writing.bundle(writing.made(Standing()), Standing()) is None
    known = Standing(document={"resourceType": "DocumentReference", "id": "d"})
    assert drafting.says(record, facts, known)
    assert writing.bundle(writing.made(known), known) is not None


async def test_the_same_record_becomes_the_same_transaction_and_keeps_the_time_of_its_first(
    pipeline: Pipeline, drafting: Drafting, event: Event
) -> None:
    record, facts = await read(pipeline, event(LUNG))

    def drafted(record: ExtractionRecord, standing: Standing) -> Json:
        writing = Writing((Part(record, drafting, facts=facts),))
        bundle = writing.bundle(writing.made(standing), standing)
        assert bundle is not None
        return bundle

    first = drafted(record, Standing())
    assert drafted(record, Standing()) == first
    written = [entry["resource"] for entry in first["entry"]]
    provenances = tuple(r for r in written if r["resourceType"] == "Provenance")
    later = record.model_copy(update={"produced": record.produced.model_copy(update={"at": "2099-01-01T00:00:00Z"})})
    assert drafting.made(later, facts, Standing()).work.recorded == "2099-01-01T00:00:00Z"
    assert drafting.made(later, facts, Standing(provenances=provenances)).work.recorded == record.produced.at


async def test_where_edits_are_written_over_nothing_stays_another_patients(
    pipeline: Pipeline, drafting: Drafting, event: Event
) -> None:
    record, facts = await read(pipeline, event(LUNG))
    writing = Writing((Part(record, drafting, facts=facts),))
    made = writing.made(Standing())
    resources = resources_of(made)
    edited = [{**r, "subject": {"reference": "Patient/another"}, "status": "final"} for r in resources]
    standing = Standing(resources=tuple(edited))
    over = drafting.mapping.file.model_copy(update={"reviewed": "overwrite"})
    overwriting = Drafting(replace(drafting.mapping, file=over), drafting.tables, drafting.documents)
    assert writing.apart(made, standing) == {place(r) for r in resources}
    assert Writing((Part(record, overwriting, facts=facts),)).apart(made, standing) == frozenset()


async def test_what_it_came_to_counts_what_holds_what_no_longer_does_and_what_was_kept(
    pipeline: Pipeline, event: Event
) -> None:
    record, _ = await read(pipeline, event(LUNG))
    mine, gone, kept = ({"resourceType": "Observation", "id": id_, "status": "preliminary"} for id_ in "abc")
    taken_back = {**gone, "status": "entered-in-error"}
    draft = Draft([mine], Standing(resources=(gone, kept)), {"entry": [{"resource": mine}, {"resource": taken_back}]})
    assert draft.published(record) == Published("written", resources=1, retracted=1, kept=1)
    retraction = record.model_copy(update={"outcome": Outcome.RETRACTED})
    assert draft.published(retraction).outcome == "retracted"


async def test_a_tumour_that_a_note_names_twice_is_written_once_in_the_more_precise_words(
    pipeline: Pipeline, event: Event, model: Any
) -> None:
    model.script = {"adenocarcinoma": {"cancer_type": "lung cancer; lung adenocarcinoma", "stage": "IV"}}
    text = "HISTORY: Follow-up of lung cancer.\nASSESSMENT: Lung adenocarcinoma, stage IV."
    _, facts = await read(pipeline, event(text))
    written = {f.fact.value: f.reason for f in facts}
    assert written == {
        "lung cancer": "another value says it more precisely",
        "lung adenocarcinoma": None,
        "IV": None,
    }
    assert [f.fact.group for f in facts] == [None] * 3, "it is one tumour, and all of the note is of it"


async def test_a_general_word_stays_where_the_precise_one_is_not_said_of_the_patient(
    pipeline: Pipeline, event: Event, model: Any
) -> None:
    model.script = {"adenocarcinoma": {"cancer_type": "lung cancer; lung adenocarcinoma"}}
    text = "ASSESSMENT: Lung cancer.\n\nFAMILY HISTORY: Father had lung adenocarcinoma."
    _, facts = await read(pipeline, event(text))
    assert {f.fact.value for f in facts if f.written} == {"lung cancer"}


async def test_a_value_is_coded_by_what_the_note_says_and_its_id_with_it(
    pipeline: Pipeline, drafting: Drafting, event: Event
) -> None:
    said = "PD-L1 CPS 15% (22C3)"
    fact = Fact(
        field="biomarker",
        value="PD-L1 15% (22C3)",  # as a model that leaves a word out gives it
        evidence=(Evidence(start=0, end=len(said), text=said),),
        alignment=Alignment.FUZZY,
    )
    record, _ = await read(pipeline, event(LUNG))
    record = record.model_copy(update={"facts": (fact,)})
    (coded,) = drafting.coded(record)
    assert coded.concept.codings == {}
    assert coded.reason == "no table knows it"
    assert drafting.field_of(record) == {coded.id: "biomarker"}
