"""A terminology server, as the settings name it, and what becomes of notes that hold what no table knows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from typing import Any

import pytest

from consumers.memory_broker import MemoryBroker
from consumers.outcomes import Report
from consumers.programs import extract_loop, publish_loop, run_together
from medie_fhir.adapters.fhir_twin import Answer, FhirTwin
from medie_fhir.errors import SettingsError, TerminologyRejected, TerminologyUnavailable
from medie_fhir.model import Json
from medie_fhir.settings import Settings
from medie_fhir.terminology_server import open_terminology
from medie_fhir.wiring import WatchedPipeline, assemble_pipeline

SNOMED, WORDS = "http://snomed.info/sct", "http://example.org/words"
SITE, DRUG = "omphalos", "qwolvumab"  # no table knows them
NOTE = f"ASSESSMENT: lung cancer with {SITE} and brain metastases, given {DRUG}. No zzyvial metastases."
SAID = {"cancer_type": "lung cancer", "metastasis_site": f"{SITE}; brain; zzyvial", "treatment": DRUG}
KNOWN = {
    SITE: [(SNOMED, "94222008", "Secondary malignant neoplasm of skin of umbilicus", "equivalent")],
    DRUG: [(SNOMED, "1", "Qwolvumab", "equal")],
}
AWAY = Answer(503, {"content-type": "application/fhir+json"}, b'{"resourceType": "OperationOutcome"}')


def question(**more: Any) -> Json:
    return {"operation": "translate", "system": WORDS, "concept_map": "http://example.org/cm"} | more


def named(base_url: str, **more: Any) -> Settings:
    fields = {"metastasis_site": question(), "treatment": question(), "cancer_type": question()}
    server = {"base_url": base_url, "fields": fields, "attempts": 1, "cache_seconds": 0, **more}
    return Settings.model_validate({"terminology_server": server, "loop": {"outage_after_attempts": 1}})


Opened = Callable[..., AbstractAsyncContextManager[WatchedPipeline]]


@pytest.fixture
def opened(configuration, model, twin, terminology) -> Opened:
    """The pipeline over the twin, with a terminology server by these settings."""
    model.script = {"lung cancer": SAID}

    @asynccontextmanager
    async def opened(**more: Any) -> AsyncIterator[WatchedPipeline]:
        settings = named(terminology.base_url, **more)
        async with open_terminology(settings, configuration.task.fields) as asked:
            yield assemble_pipeline(settings, configuration, model=model, source=twin, target=twin, terminology=asked)

    return opened


async def published(pipeline: WatchedPipeline, value: bytes) -> str:
    (event,) = await pipeline.events(value)
    return (await pipeline.publish(await pipeline.extract(event))).outcome


def held(twin: FhirTwin, text: str) -> list[Json]:
    """What holds now with this text."""
    return [r for r in _all(twin, text) if _status(r) != "entered-in-error"]


def gone(twin: FhirTwin, text: str) -> list[Json]:
    return [r for r in _all(twin, text) if _status(r) == "entered-in-error"]


def _all(twin: FhirTwin, text: str) -> list[Json]:
    return [r for kind in ("Condition", "Observation") for r in twin.current(kind) if text in json.dumps(r)]


def _status(resource: Json) -> str:
    codings = resource.get("verificationStatus", {}).get("coding", [{}])
    return str(resource.get("status") or codings[0].get("code"))


def codes(resource: Json) -> list[str]:
    concept = resource["valueCodeableConcept"] if "valueCodeableConcept" in resource else resource["code"]
    return [coding["code"] for coding in concept.get("coding", ())]


async def test_without_settings_nobody_is_asked(configuration):
    async with open_terminology(Settings(), configuration.task.fields) as asked:
        assert asked is None


async def test_what_no_table_knows_is_written_with_the_server_s_code(opened, twin, terminology, event):
    terminology.words = KNOWN
    async with opened() as pipeline:
        assert await published(pipeline, event(NOTE)) == "written"
    (site,) = held(twin, SITE)
    assert codes(site) == ["94222008"]
    (drug,) = held(twin, DRUG)  # the mapping writes no treatment without a code
    assert codes(drug) == ["1"]


async def test_only_what_no_table_knows_and_would_be_written_is_asked(opened, terminology, event):
    async with opened() as pipeline:
        await published(pipeline, event(NOTE))
    assert sorted(terminology.values) == [SITE, DRUG]  # not lung cancer, nor brain, nor what is negated


async def test_an_answer_that_is_only_near_is_not_used(opened, twin, terminology, event):
    terminology.words = {word: [(*match[:3], "wider") for match in known] for word, known in KNOWN.items()}
    async with opened() as pipeline:
        await published(pipeline, event(NOTE))
    (site,) = held(twin, SITE)
    assert codes(site) == []
    assert held(twin, DRUG) == []


async def test_a_value_that_the_server_comes_to_know_moves_to_the_id_of_its_code_and_back(
    opened, twin, terminology, event
):
    async with opened() as pipeline:
        await published(pipeline, event(NOTE))
        (as_text,) = held(twin, SITE)
        terminology.words = KNOWN
        assert await published(pipeline, event(NOTE)) == "written"
        (as_code,) = held(twin, SITE)
        assert as_code["id"] != as_text["id"]
        assert codes(as_code) == ["94222008"]
        assert [r["id"] for r in gone(twin, SITE)] == [as_text["id"]]
        terminology.words = {}
        await published(pipeline, event(NOTE))
    (again,) = held(twin, SITE)
    assert again["id"] == as_text["id"]
    assert [r["id"] for r in gone(twin, SITE)] == [as_code["id"]]


async def test_a_code_that_the_tables_give_as_well_is_the_same_resource(opened, twin, terminology, event):
    async with opened() as pipeline:
        await published(pipeline, event(NOTE))
        (brain,) = held(twin, "brain")
        main = brain["code"]["coding"][0]
        terminology.words = {SITE: [(main["system"], main["code"], main["display"], "equal")]}
        await published(pipeline, event(NOTE))
    assert [r["id"] for r in held(twin, main["code"])] == [brain["id"]]


async def test_while_it_is_away_nothing_is_written_and_then_the_same_as_ever(opened, twin, terminology, event):
    terminology.words, terminology.away = KNOWN, AWAY
    async with opened() as pipeline:
        with pytest.raises(TerminologyUnavailable):
            await published(pipeline, event(NOTE))
        assert twin.current("Condition") == []
        terminology.away = None
        await published(pipeline, event(NOTE))
        assert pipeline.terminology is not None
        assert pipeline.terminology.answers == {"coded": 2, "unknown": 0, "unanswered": 2}
    assert codes(held(twin, SITE)[0]) == ["94222008"]


async def test_where_it_is_not_required_an_outage_leaves_text_and_is_counted(opened, twin, terminology, event):
    terminology.words, terminology.away = KNOWN, AWAY
    async with opened(required=False) as pipeline:
        assert await published(pipeline, event(NOTE)) == "written"
        assert pipeline.terminology is not None
        assert pipeline.terminology.answers == {"coded": 0, "unknown": 0, "unanswered": 2}
    (site,) = held(twin, SITE)
    assert codes(site) == []
    assert held(twin, DRUG) == []


async def test_a_note_that_has_nothing_to_ask_does_not_hang_on_the_server(opened, model, twin, terminology, event):
    terminology.away = AWAY
    model.script = {"lung cancer": {"cancer_type": "lung cancer"}}
    async with opened() as pipeline:
        assert await published(pipeline, event("ASSESSMENT: lung cancer.")) == "written"
    assert terminology.asked == []


async def test_an_answer_is_kept_as_the_settings_say(opened, terminology, event):
    async with opened(cache_seconds=60) as pipeline:
        for number in range(3):
            await published(pipeline, event(NOTE, f"d{number}"))
    assert sorted(terminology.values) == [SITE, DRUG]


async def test_the_login_of_the_settings_goes_with_each_question(opened, terminology, event):
    async with opened(token="s3cret") as pipeline:
        await published(pipeline, event(NOTE))
    assert {r.headers["authorization"] for r in terminology.requests} == {"Bearer s3cret"}


async def test_an_outage_pauses_publishing_until_it_answers(opened, twin, terminology, event):
    terminology.words, terminology.away, terminology.back_after = KNOWN, AWAY, 2
    kafka, broker, failed = Settings().kafka, MemoryBroker(), []
    broker.create_topics({kafka.events: 1, kafka.extractions: 1, kafka.dead_letters: 1})
    broker.append(kafka.events, b"k", event(NOTE), (), None)
    report = Report(lambda _: None, lambda stage, error: failed.append((stage, type(error))))
    async with opened() as pipeline:
        with ExitStack() as stack:
            halves, settings = (extract_loop, publish_loop), named(terminology.base_url)
            loops = [stack.enter_context(half(settings, broker, pipeline, report)) for half in halves]
            async with asyncio.timeout(30):
                await run_together(loops, lambda: [loop.stop() for loop in loops], until_end=True)
    assert failed == [("publish", TerminologyUnavailable)]  # once; then it is asked whether it is there, and waited for
    assert terminology.probes == 2
    assert codes(held(twin, SITE)[0]) == ["94222008"]
    assert broker.records(kafka.dead_letters) == []


async def test_a_field_that_the_task_lacks_is_told_at_once():
    with pytest.raises(SettingsError, match=r"terminology_server\.fields: the task has no such: metastasis_site"):
        async with open_terminology(named("http://127.0.0.1:9/fhir"), ["cancer_type", "treatment"]):
            pass


async def test_a_question_that_the_server_refuses_is_one_note_s_error(opened, terminology, event):
    terminology.away = Answer(422, {"content-type": "application/fhir+json"}, b'{"resourceType": "OperationOutcome"}')
    async with opened() as pipeline:
        with pytest.raises(TerminologyRejected, match="does it hold what"):
            await published(pipeline, event(NOTE))
