"""Notes of a route are read and written by its own task and mapping, and all others as ever."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.errors import InvalidMapping, SettingsError
from medie_fhir.model import ExtractionRecord, Json, NoteEvent
from medie_fhir.routes import open_routes, route_configurations
from medie_fhir.settings import Route, Settings
from medie_fhir.watched_pipeline import WatchedPipeline
from medie_fhir.wiring import assemble_pipeline

HEART: Json = {"type": {"coding": [{"system": "http://loinc.org", "code": "34099-2"}]}}
ROUTE = {"task": "cardiology", "mapping": "cardiology", "model": "heart", "types": ["34099-2"]}
TEXT = "ASSESSMENT: Lung adenocarcinoma, stage IV. Atrial fibrillation, heart failure with LVEF 35%."


def settings_of(vllm: Any, *routes: dict[str, Any]) -> Settings:
    return Settings.model_validate({"model": {"base_url": vllm.url}, "readers": ("model",), "routes": routes})


@pytest.fixture
async def routed(vllm: Any, configuration: Configuration, model: Any, twin: FhirTwin) -> AsyncIterator[WatchedPipeline]:
    vllm.modules["heart"] = "/heart"
    fields = Configuration(Settings(task="cardiology", mapping="cardiology")).task.fields
    vllm.fields = tuple(fields)
    vllm.says["heart"] = {"heart_disease": "heart failure", "rhythm": "atrial fibrillation"}
    model.script = {"Lung": {"cancer_type": "lung adenocarcinoma", "stage": "IV"}}
    settings = settings_of(vllm, ROUTE)
    pipeline = assemble_pipeline(settings, configuration, model=model, source=twin, target=twin)
    async with AsyncExitStack() as stack:
        await open_routes(settings, pipeline, stack)
        yield pipeline


@pytest.fixture
def through(routed: WatchedPipeline) -> Callable[[bytes], Any]:
    async def go(value: bytes) -> ExtractionRecord:
        (found,) = routed.parse(value)
        assert isinstance(found, NoteEvent)
        record = await routed.extract(found)
        await routed.publish(record)
        return record

    return go


def current(twin: FhirTwin) -> set[str]:
    return {
        resource["code"].get("text") or resource.get("valueCodeableConcept", {}).get("text", "")
        for kind in ("Condition", "Observation")
        for resource in twin.current(kind)
        if "entered-in-error" not in str(resource)
    }


async def test_a_note_that_fits_is_read_by_its_routes_task_and_another_as_ever(
    through: Callable[[bytes], Any], event: Callable[..., bytes], routed: WatchedPipeline, vllm: Any
) -> None:
    heart, lung = await through(event(TEXT, "d1", **HEART)), await through(event(TEXT, "d2"))
    assert (heart.produced.task.split("@")[0], lung.produced.task.split("@")[0]) == ("cardiology", "oncology")
    assert {fact.field for fact in heart.facts} == {"heart_disease", "rhythm"}
    assert {fact.field for fact in lung.facts} == {"cancer_type", "stage"}
    assert vllm.asked == ["heart"]
    assert routed.model.worked == 2, "the work of both is that of the one dependency"
    assert set(routed.fields_of(heart).values()) == {"heart_disease", "rhythm"}


async def test_a_note_that_comes_to_fit_another_route_takes_back_what_the_first_task_wrote(
    through: Callable[[bytes], Any], event: Callable[..., bytes], twin: FhirTwin
) -> None:
    await through(event(TEXT, version="1"))
    before = current(twin)
    assert any("lung" in text.lower() for text in before)
    await through(event(TEXT, version="2", **HEART))
    after = current(twin)
    assert after
    assert not before & after
    await through(event(TEXT, version="3"))
    assert current(twin) == before


async def test_a_retraction_takes_back_what_a_route_wrote(
    through: Callable[[bytes], Any], event: Callable[..., bytes], twin: FhirTwin
) -> None:
    await through(event(TEXT, version="1", **HEART))
    assert current(twin)
    await through(event(TEXT, version="2", status="entered-in-error", **HEART))
    assert current(twin) == set()


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ({"model": None}, r"routes\.0\.model: name the adapter that has learned .*'cardiology-ie'"),
        ({"task": "oncology", "mapping": "default"}, "oncology is named several times"),
        ({"task": "nephrology"}, "none that is shipped"),
    ],
)
def test_a_route_that_can_not_be_is_told(vllm: Any, route: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        route_configurations(settings_of(vllm, ROUTE | route))


def test_where_no_model_is_asked_a_route_names_none(vllm: Any) -> None:
    settings = settings_of(vllm, ROUTE | {"model": None}).model_copy(update={"readers": ("lexicon",)})
    assert [configuration.task.name for configuration in route_configurations(settings)] == ["cardiology"]


def test_a_routes_mapping_must_be_for_its_task(vllm: Any) -> None:
    with pytest.raises(InvalidMapping):
        route_configurations(settings_of(vllm, ROUTE | {"mapping": "default"}))


def test_the_embedded_model_has_no_second_adapter() -> None:
    with pytest.raises(SettingsError, match=r"needs model\.base_url"):
        route_configurations(Settings.model_validate({"routes": [ROUTE]}))


def test_a_route_must_choose() -> None:
    with pytest.raises(ValueError, match="it would take every note"):
        Route(task="cardiology", mapping="cardiology")


def test_a_route_that_reads_besides_need_not_choose() -> None:
    assert Route(task="cardiology", mapping="cardiology", also=True).also


async def test_patients_stand_in_a_file_a_line_each(
    vllm: Any, configuration: Configuration, model: Any, twin: FhirTwin, tmp_path: Path
) -> None:
    file = tmp_path / "patients.txt"
    settings = settings_of(vllm, {**ROUTE, "types": [], "patients": str(file)})
    pipeline = assemble_pipeline(settings, configuration, model=model, source=twin, target=twin)
    async with AsyncExitStack() as stack:
        with pytest.raises(SettingsError, match="can't be read"):
            await open_routes(settings, pipeline, stack)
        file.write_text("# none yet\n\n", encoding="utf-8")
        with pytest.raises(SettingsError, match="names no patient"):
            await open_routes(settings, pipeline, stack)
        file.write_text("# study 7\nPatient/p1\nurn:mrn|42\n", encoding="utf-8")
        await open_routes(settings, pipeline, stack)
    assert pipeline.fits[0].patients == {"Patient/p1", "urn:mrn|42"}
