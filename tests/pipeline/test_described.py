"""The model that reads is asked for now and then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from medie_fhir.errors import (
    ModelOutputError,
)
from medie_fhir.model import NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelDescription

Event = Callable[..., bytes]

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected. No liver metastases."


async def test_another_model_behind_the_same_url_is_seen_in_time(
    pipeline: Pipeline, event: Event, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = pipeline.clock.now()
    pipeline.clock = clock = StoodClock(now)
    (note,) = await pipeline.events(event(LUNG))
    assert isinstance(note, NoteEvent)

    async def adapter() -> str | None:
        return (await pipeline.extract(note)).produced.adapter_digest

    def serving(digest: str) -> None:
        async def describe() -> ModelDescription:
            return ModelDescription("scripted", "medical-ie", digest)

        monkeypatch.setattr(model, "describe", describe)

    serving("first")
    assert await adapter() == "first"
    serving("second")
    clock.moment += timedelta(minutes=4)
    assert await adapter() == "first", "not asked for every note"
    clock.moment += timedelta(minutes=1)
    assert await adapter() == "second"
    serving("third")
    model.answer = "not JSON"
    with pytest.raises(ModelOutputError):
        await pipeline.extract(note)
    model.answer = None
    assert await adapter() == "third", "after a fault it may be another"


class StoodClock:
    """A clock that stands until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment
