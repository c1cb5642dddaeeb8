"""A consumer's shadow, by its settings: differences are counted and written without a value."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from consumers.shadowing import shadowing
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.lora import Registry
from medie_fhir.configuration import Configuration
from medie_fhir.drift import Drift
from medie_fhir.errors import SettingsError
from medie_fhir.metrics import SHADOW_NOTES, SHADOW_VALUES
from medie_fhir.model import NoteEvent
from medie_fhir.settings import ModelSettings, Settings
from medie_fhir.wiring import WatchedPipeline, assemble_pipeline

TEXT = "ASSESSMENT: Lung adenocarcinoma, stage IV."


@pytest.fixture
def first(configuration: Configuration, model: Any, twin: FhirTwin) -> WatchedPipeline:
    settings = Settings(readers=("model",))
    return assemble_pipeline(settings, configuration, model=model, source=twin, target=twin)


@pytest.fixture
def found(first: WatchedPipeline, model: Any, event: Callable[..., bytes]) -> NoteEvent:
    model.script = {"Lung": {"stage": "IV", "cancer_type": "lung adenocarcinoma"}}
    (found,) = first.parse(event(TEXT))
    assert isinstance(found, NoteEvent)
    return found


async def test_what_the_shadow_of_the_settings_reads_is_compared_and_nothing_of_it_written(
    registry: Registry, vllm: Any, first: WatchedPipeline, found: NoteEvent
) -> None:
    pipeline = first
    path = registry.path.parent / "differences.ndjson"
    shadow = {"base_url": vllm.url, "adapters": registry.path, "shadow": "second", "shadow_differences": path}
    settings = Settings.model_validate({"model": shadow})
    second = registry.adapter("second")
    vllm.says[second.served_as] = {"cancer_type": "lung adenocarcinoma", "treatment": "osimertinib"}
    drift = Drift(CollectorRegistry(), pipeline.fields_by_task)
    async with shadowing(settings, pipeline, drift):
        record = await pipeline.extract(found)
        assert pipeline.shadow is not None
        await pipeline.shadow.done()
    assert {fact.field for fact in record.facts} == {"stage", "cancer_type"}
    assert drift.counted(SHADOW_NOTES) == {(second.label, "compared"): 1}
    assert drift.counted(SHADOW_VALUES) == {
        (second.label, "cancer_type", "agree"): 1,
        (second.label, "stage", "only-first"): 1,
        (second.label, "treatment", "only-second"): 1,
    }
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["field"], line["difference"], line["document"]) for line in lines] == [
        ("stage", "only-first", "|DocumentReference/d1"),
        ("treatment", "only-second", "|DocumentReference/d1"),
    ]
    assert "osimertinib" not in path.read_text(encoding="utf-8")


async def test_a_stop_waits_for_what_the_shadow_has_begun_but_not_for_ever(
    registry: Registry, vllm: Any, first: WatchedPipeline, found: NoteEvent, caplog: pytest.LogCaptureFixture
) -> None:
    shadow = {"base_url": vllm.url, "adapters": registry.path, "shadow": "second"}
    settings = Settings.model_validate({"model": shadow})
    second = registry.adapter("second")
    for seconds, compared, told in ((30.0, 2, False), (0.0, 0, True)):
        drift = Drift(CollectorRegistry(), first.fields_by_task)
        caplog.clear()
        async with shadowing(settings, first, drift, seconds):
            await first.extract(found)
            await first.extract(found)
        assert drift.counted(SHADOW_NOTES).get((second.label, "compared"), 0) == compared
        assert ("2 of its notes are left uncounted" in caplog.text) is told


@pytest.mark.parametrize(
    "given",
    [{"shadow": "x"}, {"shadow": "x", "adapters": Path("a.yaml")}, {"shadow_differences": Path("x")}],
)
def test_a_shadow_that_can_not_be_is_told_with_the_settings(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="shadow"):
        ModelSettings.model_validate(given)


async def test_a_shadow_that_the_registry_lacks_is_told(registry: Registry, vllm: Any, first: WatchedPipeline) -> None:
    settings = Settings.model_validate({"model": {"base_url": vllm.url, "adapters": registry.path, "shadow": "third"}})
    with pytest.raises(SettingsError, match="no adapter 'third'"):
        async with shadowing(settings, first, Drift(CollectorRegistry(), {})):
            pass
