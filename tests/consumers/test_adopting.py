"""A running consumer goes over to the adapter that was put into use, and no note is read by two."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from consumers.adopting import Adopting
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.lora import Journal, Pinned, Registry
from medie_fhir.configuration import Configuration
from medie_fhir.model import ExtractionRecord, NoteEvent
from medie_fhir.model_servers import open_model
from medie_fhir.settings import Settings
from medie_fhir.wiring import WatchedPipeline, assemble_pipeline

TEXT = "ASSESSMENT: Lung adenocarcinoma, stage IV."


def use(registry: Registry, name: str) -> None:
    pin = Pinned(name=name, sha256=registry.adapter(name).sha256)
    Journal(registry.journal).promote(pin, who="ada", why="measured", at="2026-01-02T03:04:05Z")


def back(registry: Registry) -> None:
    said = {"who": "ada", "why": "worse", "at": "2026-01-02T03:04:05Z"}
    Journal(registry.journal).rollback(**said, is_there=lambda _: None)


Made = tuple[WatchedPipeline, Adopting]


@pytest.fixture
def settings(registry: Registry, vllm: Any) -> Settings:
    model = {"base_url": vllm.url, "adapters": str(registry.path), "name": "by-name"}
    vllm.modules["by-name"] = "/elsewhere"
    return Settings.model_validate({"model": model, "readers": ("model",)})


@pytest.fixture
async def made(settings: Settings, configuration: Configuration, twin: FhirTwin) -> AsyncIterator[Made]:
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(open_model(settings))
        pipeline = assemble_pipeline(settings, configuration, model=model, source=twin, target=twin)
        yield pipeline, Adopting(settings, pipeline, stack)


@pytest.fixture
def read(made: Made, event: Callable[..., bytes]) -> Callable[[], Any]:
    async def extract() -> ExtractionRecord:
        (found,) = made[0].parse(event(TEXT))
        assert isinstance(found, NoteEvent)
        return await made[0].extract(found)

    return extract


async def test_from_the_promotion_on_records_are_made_by_the_promoted_and_after_a_rollback_by_the_former(
    made: Made, registry: Registry, read: Callable[[], Any], vllm: Any
) -> None:
    pipeline, watching = made
    by = []
    for change in (
        lambda: None,
        lambda: use(registry, "first"),
        lambda: use(registry, "second"),
        lambda: back(registry),
    ):
        change()
        await watching.look()
        produced = (await read()).produced
        by.append((produced.adapter, produced.adapter_digest))
    first, second = (registry.adapter(name) for name in ("first", "second"))
    assert by == [("by-name", None), ("first", first.sha256), ("second", second.sha256), ("first", first.sha256)]
    assert vllm.asked == ["by-name", first.served_as, second.served_as, first.served_as]
    assert pipeline.model.worked == len(by), "all count as the one dependency's work"


async def test_a_note_that_is_being_read_ends_by_the_adapter_that_it_began_with(
    made: Made, registry: Registry, read: Callable[[], Any], vllm: Any
) -> None:
    use(registry, "first")
    await made[1].look()
    gate = vllm.gates[registry.adapter("first").served_as] = threading.Event()
    vllm.arrived.clear()
    running = asyncio.create_task(read())
    assert await asyncio.to_thread(vllm.arrived.wait, 30)
    use(registry, "second")
    await made[1].look()
    assert (await read()).produced.adapter == "second", "what begins now is the new one's"
    gate.set()
    assert (await running).produced.adapter_digest == registry.adapter("first").sha256


async def test_what_can_not_be_had_leaves_the_former_in_use_and_is_told_once(
    made: Made,
    registry: Registry,
    read: Callable[[], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    use(registry, "first")
    await made[1].look()
    use(registry, "second")
    weights = registry.path.parent / "second" / "adapter_model.safetensors"
    whole = weights.read_text(encoding="utf-8")
    weights.write_text("another", encoding="utf-8")
    with caplog.at_level(logging.ERROR):
        await made[1].look()
        await made[1].look()
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert told.startswith("first@")
    assert (await read()).produced.adapter == "first"
    weights.write_text(whole, encoding="utf-8")
    await made[1].look()
    assert (await read()).produced.adapter == "second"


async def test_an_adapter_that_learned_something_else_is_not_asked(
    made: Made,
    registry: Registry,
    read: Callable[[], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = registry.path.read_text(encoding="utf-8")
    registry.path.write_text(text.replace("medical-ie", "cardiology-ie"), encoding="utf-8")
    use(registry, "first")
    await made[1].look()
    assert "has learned the questions of 'cardiology-ie'" in caplog.text
    assert (await read()).produced.adapter == "by-name"
