"""A tumour board's letter of a patient with heart failure: read by oncology and by cardiology, written as one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from consumers.memory_broker import MemoryBroker
from consumers.outcomes import NoteOutcome, Report
from consumers.programs import extract_loop, publish_loop, run_together
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.errors import ModelRefused
from medie_fhir.model import ExtractionRecord, Json
from medie_fhir.routes import open_routes
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped
from medie_fhir.transaction import is_in_error, place, transaction
from medie_fhir.watched_pipeline import WatchedPipeline
from medie_fhir.wiring import assemble_pipeline

BOARD: Json = {"type": {"coding": [{"system": "http://loinc.org", "code": "34099-2"}]}}
LETTER = "ASSESSMENT: Lung adenocarcinoma, stage IV. Atrial fibrillation, heart failure with LVEF 35%."
ALSO = {"task": "cardiology", "mapping": "cardiology", "model": "heart", "types": ["34099-2"], "also": True}


@dataclass
class Rig:
    """Both programs over one broker and one server, by settings that have a letter read by both tasks."""

    settings: Settings
    pipeline: WatchedPipeline
    twin: FhirTwin
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    outcomes: list[NoteOutcome] = field(default_factory=list)

    async def run(self, *events: bytes) -> None:
        """Through both halves, until all is published."""
        kafka = self.settings.kafka
        for value in events:
            self.broker.append(kafka.events, b"d1", value, (), None)
        report = Report(self.outcomes.append)
        async with AsyncExitStack() as stack, asyncio.timeout(60):
            halves = (extract_loop, publish_loop)
            loops = [stack.enter_context(half(self.settings, self.broker, self.pipeline, report)) for half in halves]

            def stop_all() -> None:
                for loop in loops:
                    loop.stop()

            await run_together(loops, stop_all, until_end=True)

    @property
    def records(self) -> list[ExtractionRecord]:
        return [self.pipeline.record(m.value or b"") for m in self.broker.records(self.settings.kafka.extractions)]

    def holding(self) -> dict[str, str]:
        """The words of what holds, by its place."""
        kinds = ("Condition", "Observation", "MedicationStatement", "Procedure")
        found = [r for kind in kinds for r in self.twin.current(kind) if not is_in_error(r)]
        return {place(r): r["code"].get("text") or str(r.get("valueCodeableConcept")) for r in found}

    def provenances(self) -> dict[str, Json]:
        """The Provenance of each task's extraction, by the task's name."""
        named = {}
        for provenance in self.twin.current("Provenance"):
            for entity in provenance["entity"]:
                identifier = entity["what"].get("identifier", {})
                if identifier.get("system", "").endswith("/task"):
                    named[identifier["value"].partition("@")[0]] = provenance
        return named

    def versions(self) -> dict[str, str]:
        """The version of each resource on the server."""
        kinds = ("Condition", "Observation", "Provenance", "DocumentReference")
        return {place(r): r["meta"]["versionId"] for kind in kinds for r in self.twin.current(kind)}


@pytest.fixture
async def rig(vllm: Any, configuration: Configuration, model: Any, twin: FhirTwin) -> AsyncIterator[Rig]:
    vllm.modules["heart"] = "/heart"
    vllm.fields = tuple(Configuration(Settings(task="cardiology", mapping="cardiology")).task.fields)
    vllm.says["heart"] = {"heart_disease": "heart failure", "rhythm": "atrial fibrillation"}
    model.script = {"Lung": {"cancer_type": "lung adenocarcinoma", "stage": "IV"}}
    said = {"model": {"base_url": vllm.url}, "readers": ("model",), "routes": [ALSO]}
    settings = Settings.model_validate(said)
    pipeline = assemble_pipeline(settings, configuration, model=model, source=twin, target=twin)
    async with AsyncExitStack() as stack:
        await open_routes(settings, pipeline, stack)
        made = Rig(settings, pipeline, twin)
        kafka = settings.kafka
        made.broker.create_topics({kafka.events: 1, kafka.extractions: 2, kafka.dead_letters: 1})
        yield made


async def test_a_letter_is_read_and_written_by_both_each_with_its_own_provenance(
    rig: Rig, event: Callable[..., bytes]
) -> None:
    await rig.run(event(LETTER, **BOARD))
    (record,) = rig.records
    assert [r.produced.task.partition("@")[0] for r in record.readings] == ["oncology", "cardiology"]
    assert {f.field for f in record.facts} == {"cancer_type", "stage"}
    provenances = rig.provenances()
    assert provenances.keys() == {"oncology", "cardiology"}
    targets = {task: {t["reference"] for t in p["target"]} for task, p in provenances.items()}
    assert not targets["oncology"] & targets["cardiology"]
    assert targets["oncology"] | targets["cardiology"] == rig.holding().keys()
    authors = {p["agent"][0]["who"]["reference"] for p in provenances.values()}
    assert authors == {place(d) for d in rig.twin.current("Device")}
    assert len(authors) == 2, "each adapter is a Device of its own"
    assert len(rig.twin.current("DocumentReference")) == 1
    assert rig.broker.records(rig.settings.kafka.dead_letters) == []
    (extracted,) = [o for o in rig.outcomes if o.stage == "extract"]
    assert sorted(seen.task for seen in extracted.seen) == ["cardiology", "oncology"]


async def test_another_note_is_read_by_the_settings_own_task_as_ever(rig: Rig, event: Callable[..., bytes]) -> None:
    await rig.run(event(LETTER))
    (record,) = rig.records
    assert b'"also"' not in (rig.broker.records(rig.settings.kafka.extractions)[0].value or b"")
    assert record.readings == (record,)
    assert rig.provenances().keys() == {"oncology"}


async def test_a_letter_that_no_longer_fits_gives_back_what_that_task_wrote_and_nothing_else(
    rig: Rig, event: Callable[..., bytes]
) -> None:
    await rig.run(event(LETTER, version="2"))
    of_oncology = rig.holding()
    await rig.run(event(LETTER, version="3", **BOARD))
    of_both = rig.holding()
    assert of_oncology.items() < of_both.items()
    await rig.run(event(LETTER, version="4"), event(LETTER, version="1", **BOARD))
    assert rig.holding() == of_oncology, "and the older version that comes late says nothing"
    await rig.run(event(LETTER, version="5", **BOARD))
    assert rig.holding() == of_both
    await rig.run(event(LETTER, version="6", status="entered-in-error", **BOARD))
    assert rig.holding() == {}


async def test_all_of_it_come_again_changes_nothing(rig: Rig, event: Callable[..., bytes]) -> None:
    await rig.run(event(LETTER, **BOARD))
    before = rig.twin.count_versions()
    await rig.run(event(LETTER, **BOARD))
    (record, _) = rig.records
    assert (await rig.pipeline.publish(record, only_changes=True)).outcome == "unchanged"
    assert rig.twin.count_versions() == before


async def test_the_same_record_by_an_edited_mapping_of_one_task_leaves_the_others_work_as_it_is(
    rig: Rig, event: Callable[..., bytes]
) -> None:
    await rig.run(event(LETTER, **BOARD))
    (record,), before, hearts = rig.records, rig.versions(), rig.pipeline.others["cardiology"]
    file = hearts.mapping.file
    fewer = {"templates": tuple(t for t in file.templates if t.field != "rhythm")}
    hearts.use(replace(hearts.mapping, file=file.model_copy(update=fewer), digest="e"), hearts.tables)
    of_hearts = {t["reference"] for t in rig.provenances()["cardiology"]["target"]}
    published = await rig.pipeline.publish(record, only_changes=True)
    assert (published.outcome, published.retracted) == ("written", 1)
    changed = {at for at, version in rig.versions().items() if before.get(at) not in (None, version)}
    assert changed <= of_hearts
    assert len(changed) == 1
    assert "atrial" not in str(rig.holding())


async def test_without_the_route_what_its_task_wrote_is_taken_back_and_with_it_written_again(
    rig: Rig, event: Callable[..., bytes]
) -> None:
    await rig.run(event(LETTER, **BOARD))
    (record,), of_both, of_oncology = rig.records, rig.holding(), rig.provenances()["oncology"]["target"]
    fits, others = rig.pipeline.fits, rig.pipeline.others
    rig.pipeline.route((), {})
    await rig.pipeline.publish(record)
    assert rig.holding().keys() == {t["reference"] for t in of_oncology}
    rig.pipeline.route(fits, others)
    await rig.pipeline.publish(record)
    assert rig.holding() == of_both


async def test_what_a_task_without_a_mapping_read_alone_is_not_written_by_another_tasks_mapping(
    rig: Rig, event: Callable[..., bytes]
) -> None:
    await rig.run(event(LETTER, **BOARD))
    (record,) = rig.records
    unknown = record.produced.model_copy(update={"task": "nephrology@1"})  # it too may have a field "stage"
    alone = record.model_copy(update={"produced": unknown, "also": ()})
    assert rig.pipeline.bundle(alone) is None
    assert rig.pipeline.coded(alone) == ()
    await rig.pipeline.publish(alone)
    assert rig.holding() == {}


async def test_of_what_a_person_edited_the_most_careful_mapping_decides_also_where_its_task_has_no_part_any_more(
    rig: Rig, event: Callable[..., bytes]
) -> None:
    hearts = rig.pipeline.others["cardiology"]
    for pipeline, word in ((rig.pipeline, "overwrite"), (hearts, "keep")):
        file = pipeline.mapping.file.model_copy(update={"reviewed": word})
        pipeline.use(replace(pipeline.mapping, file=file), pipeline.tables)
    await rig.run(event(LETTER, version="1", **BOARD))
    of_hearts = {t["reference"] for t in rig.provenances()["cardiology"]["target"]}
    theirs = next(c for c in rig.twin.current("Condition") if place(c) in of_hearts)
    status = {"coding": [{"system": theirs["verificationStatus"]["coding"][0]["system"], "code": "confirmed"}]}
    await rig.twin.transact(transaction([{**theirs, "verificationStatus": status}]))
    await rig.run(event(LETTER, version="2", status="entered-in-error", **BOARD))
    assert rig.holding().keys() == {place(theirs)}


async def test_what_a_person_confirmed_of_one_task_stays_when_the_letter_no_longer_fits_it(
    rig: Rig, event: Callable[..., bytes]
) -> None:
    await rig.run(event(LETTER, version="1", **BOARD))
    of_hearts = {t["reference"] for t in rig.provenances()["cardiology"]["target"]}
    theirs = next(c for c in rig.twin.current("Condition") if place(c) in of_hearts)
    status = {"coding": [{"system": theirs["verificationStatus"]["coding"][0]["system"], "code": "confirmed"}]}
    await rig.twin.transact(transaction([{**theirs, "verificationStatus": status}]))
    await rig.run(event(LETTER, version="2"))
    assert rig.holding().keys() & of_hearts == {place(theirs)}


async def test_a_letter_that_one_task_can_not_read_now_is_read_by_none_until_it_can(
    rig: Rig, event: Callable[..., bytes], vllm: Any
) -> None:
    del vllm.modules["heart"]
    with pytest.raises(ModelRefused, match="heart"):
        await rig.run(event(LETTER, **BOARD))
    assert rig.records == []
    vllm.modules["heart"] = "/heart"
    await rig.run()
    assert rig.provenances().keys() == {"oncology", "cardiology"}


async def test_what_one_task_can_not_write_is_written_by_none_and_its_dead_letter_names_the_task(
    rig: Rig, event: Callable[..., bytes]
) -> None:
    hearts = rig.pipeline.others["cardiology"]
    sound, (first, *more) = hearts.mapping, hearts.mapping.file.templates
    broken = first.model_copy(update={"resource": {**first.resource, "id": "mine"}})
    file = sound.file.model_copy(update={"templates": (broken, *more)})
    hearts.use(replace(sound, file=file), hearts.tables)
    await rig.run(event(LETTER, **BOARD))
    (letter,) = rig.broker.records(rig.settings.kafka.dead_letters)
    assert dict(letter.headers)["medie.error.class"] == b"RenderError"
    assert dict(letter.headers)["medie.task"] == b"cardiology"
    assert rig.holding() == {}
    hearts.use(sound, hearts.tables)
    await rig.pipeline.publish(rig.pipeline.record(letter.value or b""))
    assert rig.provenances().keys() == {"oncology", "cardiology"}


async def test_of_a_task_that_shares_a_fields_name_the_ids_of_these_facts_are_its_own(
    vllm: Any, configuration: Configuration, model: Any, twin: FhirTwin, tmp_path: Path
) -> None:
    text = shipped("schemas", "tasks", "oncology.yaml").read_text(encoding="utf-8")
    board = tmp_path / "board.yaml"
    board.write_text(re.sub(r"(?m)^((name|lexicon|confidence): .*)$", "", text) + "\nname: board\n", encoding="utf-8")
    mapping = tmp_path / "board-mapping.yaml"
    text = shipped("mappings", "default.yaml").read_text(encoding="utf-8")
    mapping.write_text(re.sub(r"(?m)^task: \S+", "task: board", text), encoding="utf-8")
    route = {"task": str(board), "mapping": str(mapping), "terminology": str(shipped("mappings", "terminology"))}

    async def shared(**more: Any) -> frozenset[str]:
        routes = [{**route, **more}, ALSO]
        settings = Settings.model_validate({"model": {"base_url": vllm.url}, "readers": ("model",), "routes": routes})
        pipeline = assemble_pipeline(settings, configuration, model=model, source=twin, target=twin)
        async with AsyncExitStack() as stack:
            await open_routes(settings, pipeline, stack)
        assert pipeline.options.shared_fields == frozenset(), "the settings' own task keeps its ids"
        assert pipeline.others["cardiology"].options.shared_fields == frozenset(), "nothing is named alike"
        return pipeline.others["board"].options.shared_fields

    assert await shared(also=True) == set(configuration.task.fields)
    assert await shared(types=["x"]) == frozenset(), "it never reads a note that another reads"
