"""A running pipeline takes up an edited mapping, whole; a bad one is told, and the last good one stays."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consumers.monitor import MappingInUse
from consumers.reloading import Reloading, reloading
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.passing import Passing
from medie_fhir.configuration import Configuration
from medie_fhir.metrics import MAPPING_RELOADS, Metrics
from medie_fhir.model import ExtractionRecord, Json, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped
from medie_fhir.wiring import assemble_pipeline

TEXT = "ASSESSMENT: Lung adenocarcinoma, stage IV."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(shipped("mappings", "default.yaml"), tmp_path / "mine.yaml"))


@pytest.fixture
def settings(path: Path) -> Settings:
    return Settings(mapping=str(path), mapping_reload_seconds=0.01)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def watching(settings: Settings, pipeline: Pipeline, metrics: Metrics) -> Reloading:
    return Reloading(settings, pipeline, metrics)


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


async def saved(path: Path, watching: Reloading, text: str) -> None:
    write(path, text)
    await watching.look()
    await watching.look()


def with_version(path: Path, version: str) -> str:
    before, mark, after = path.read_text(encoding="utf-8").partition("\nversion: ")
    return f"{before}{mark}{version}\n{after.partition(chr(10))[2]}"


def gauge(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(name)


async def test_an_edit_is_used_and_told(
    path: Path, watching: Reloading, pipeline: Pipeline, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    before = pipeline.mapping.label
    await saved(path, watching, with_version(path, "9.9.9"))
    label = pipeline.mapping.label
    assert label.startswith("default@9.9.9#")
    assert watching.in_use == MappingInUse(label)
    assert metrics.counted(MAPPING_RELOADS) == {("loaded",): 1}
    assert metrics.registry.get_sample_value("medie_mapping_info", {"label": label}) == 1
    assert metrics.registry.get_sample_value("medie_mapping_info", {"label": before}) is None
    (line,) = caplog.messages
    assert before in line
    assert label in line
    assert "medie-fhir remap applies it to what was published before" in line


async def test_a_bad_edit_keeps_the_last_good_one_and_says_so_once_and_a_good_one_ends_it(
    path: Path, watching: Reloading, pipeline: Pipeline, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    good, used = read(path), pipeline.mapping
    with caplog.at_level(logging.INFO):
        await saved(path, watching, good.replace("task: oncology", "task: oncology\ncolour: red\nshape: round"))
        await watching.look()
    assert pipeline.mapping is used
    assert [len(watching.in_use.refused), gauge(metrics, "medie_mapping_refused")] == [2, 1]
    (line,) = caplog.messages
    assert "colour" in line
    assert "shape" in line
    assert metrics.counted(MAPPING_RELOADS) == {("refused",): 1}
    await saved(path, watching, good)
    assert watching.in_use == MappingInUse(used.label)
    assert gauge(metrics, "medie_mapping_refused") == 0
    assert metrics.counted(MAPPING_RELOADS) == {("refused",): 1}


class Heard(Metrics):
    """Metrics that say when another mapping is in use."""

    def __init__(self, version: str) -> None:
        super().__init__()
        self.version, self.in_use = version, asyncio.Event()

    def mapping(self, label: str, *, refused: bool) -> None:
        super().mapping(label, refused=refused)
        if f"@{self.version}#" in label:
            self.in_use.set()


async def test_files_are_looked_at_again_and_again_while_the_block_lasts(
    path: Path, settings: Settings, pipeline: Pipeline
) -> None:
    metrics = Heard("9.9.9")
    async with reloading(settings, pipeline, metrics):
        write(path, with_version(path, "9.9.9"))
        await asyncio.wait_for(metrics.in_use.wait(), 60)
    assert pipeline.mapping.file.version == "9.9.9"


async def test_with_0_seconds_nothing_is_looked_at_but_the_mapping_is_told(
    settings: Settings, pipeline: Pipeline, metrics: Metrics
) -> None:
    async with reloading(settings.model_copy(update={"mapping_reload_seconds": 0.0}), pipeline, metrics) as watching:
        assert len(asyncio.all_tasks()) == 1
        assert watching.in_use.label == pipeline.mapping.label


class Slow(Passing):
    """A server that is not answering until it may."""

    def __init__(self, server: FhirTwin) -> None:
        super().__init__(server)
        self.asked, self.may = asyncio.Event(), asyncio.Event()

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        self.asked.set()
        await self.may.wait()
        return await super().read(resource_type, resource_id)


async def test_a_record_that_waits_for_the_server_ends_by_the_mapping_that_it_began_with(
    configuration: Configuration, model: Any, twin: FhirTwin, event: Callable[..., bytes], path: Path
) -> None:
    server = Slow(twin)
    pipeline = assemble_pipeline(Settings(), configuration, model=model, source=twin, target=server)
    model.script = {"Lung": {"cancer_type": "lung adenocarcinoma", "stage": "IV"}}
    (note,) = await pipeline.events(event(TEXT))
    assert isinstance(note, NoteEvent)
    record: ExtractionRecord = await pipeline.extract(note)
    label = pipeline.mapping.label
    work = asyncio.create_task(pipeline.publish(record))
    await server.asked.wait()
    watching = Reloading(Settings(mapping=str(path)), pipeline, Metrics())
    await watching.look()
    text = read(path)
    only_cancers = text[: text.index("  - name: ", text.index("templates:") + 40)]
    await saved(path, watching, only_cancers)
    assert pipeline.mapping.label != label
    server.may.set()
    assert (await work).resources == 2
    (provenance,) = twin.current("Provenance")
    assert label in str(provenance)
