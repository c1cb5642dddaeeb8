"""What a reviewer is asked to look at again, and what becomes of their Task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medie_fhir.adapters.fhir_twin import FhirTwin, Request
from medie_fhir.pipeline import Pipeline
from medie_fhir.transaction import place

Event = Callable[..., bytes]

LUNG, COLON, NOTHING = "Lung adenocarcinoma, stage IV.", "Colon adenocarcinoma, stage III.", "A torn meniscus."


async def test_a_persons_progress_on_a_task_stands(pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any) -> None:
    acts.of(pipeline, "flag")
    await acts.through(pipeline, event(LUNG, version="1"))
    await acts.edited(twin, place(twin.current("Condition")[0]), acts.edits["confirm"])
    await acts.through(pipeline, event(NOTHING, version="2"))
    (task,) = twin.current("Task")
    assert task["focus"] == {"reference": place(twin.current("Condition")[0])}
    done = await acts.edited(twin, place(task), lambda r, _: {**r, "status": "completed"})
    for text, version in ((NOTHING, "2"), (NOTHING, "3")):
        await acts.through(pipeline, event(text, version=version))
        assert twin.current("Task") == [done]


async def test_a_note_that_is_read_differently_asks_once_and_one_that_is_read_alike_does_not(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    """The stage is of a later day: the same meaning, so the same resource, with other content."""
    acts.of(pipeline, "flag")
    await acts.through(pipeline, event(LUNG, version="1"))
    await acts.edited(twin, place(twin.current("Observation")[0]), acts.edits["confirm"])
    await acts.through(pipeline, event(LUNG + " No fever.", version="2"))
    assert acts.reasons(twin) == []
    for version in ("3", "4"):
        await acts.through(pipeline, event(LUNG, version=version, date="2026-02-01T09:00:00Z"))
        assert acts.reasons(twin) == ["read-differently"]


async def test_a_task_that_a_person_deleted_stays_deleted(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    acts.of(pipeline, "flag")
    await acts.through(pipeline, event(LUNG, version="1"))
    await acts.edited(twin, place(twin.current("Condition")[0]), acts.edits["confirm"])
    await acts.through(pipeline, event(NOTHING, version="2"))
    twin.answer(Request("DELETE", place(twin.current("Task")[0])))
    assert (await acts.through(pipeline, event(NOTHING, version="2"))).kept == 1
    assert twin.current("Task") == []
