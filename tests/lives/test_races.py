"""An edit between our reading and our writing."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import FhirConflict
from medie_fhir.model import Json
from medie_fhir.pipeline import Options, Pipeline
from medie_fhir.transaction import SourceDocuments, place, transaction

Event = Callable[..., bytes]

LUNG, COLON, NOTHING = "Lung adenocarcinoma, stage IV.", "Colon adenocarcinoma, stage III.", "A torn meniscus."


async def nobody() -> None:
    """Edits nothing."""


class Raced:
    """The twin, where a person is faster than the next transaction that writes facts."""

    def __init__(self, twin: FhirTwin) -> None:
        self.twin = twin
        self.edit: Callable[[], Awaitable[Any]] = nobody

    def __getattr__(self, name: str) -> Any:
        return getattr(self.twin, name)

    async def transact(self, bundle: Json) -> Json:
        edit, self.edit = self.edit, nobody
        await edit()
        return await self.twin.transact(bundle)


@pytest.mark.parametrize("case", list(itertools.product([LUNG + " No fever.", COLON], [True, False])))
async def test_an_edit_between_reading_and_writing_is_not_lost(
    pipeline: Pipeline, twin: FhirTwin, event: Event, case: tuple[str, bool], acts: Any
) -> None:
    text, copies = case  # written over or taken back
    raced: Any = Raced(twin)
    pipeline.options, pipeline.target = Options(documents=SourceDocuments("copy" if copies else "reference")), raced
    await twin.transact(transaction([{"resourceType": "DocumentReference", "id": "d1", "status": "current"}]))
    await acts.through(pipeline, event(LUNG, version="1"))
    (condition,) = twin.current("Condition")
    await acts.through(pipeline, event(LUNG, version="1"))  # the Device is known by now
    raced.edit = lambda: acts.edited(twin, place(condition), acts.edits["add a note"])
    with pytest.raises(FhirConflict):
        await acts.through(pipeline, event(text, version="2"))
    theirs = await twin.read("Condition", condition["id"])
    assert theirs is not None
    assert theirs["note"] == [{"text": "Discussed, 0."}]
    assert (await acts.through(pipeline, event(text, version="2"))).kept == 1
    assert await twin.read("Condition", condition["id"]) == theirs


async def test_without_a_guard_no_condition_is_sent(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    sent: list[Json] = []

    async def kept(bundle: Json) -> Json:
        sent.append(bundle)
        return await twin.transact(bundle)

    raced: Any = Raced(twin)
    pipeline.options, pipeline.target = Options(guarded=False), raced
    await acts.through(pipeline, event(LUNG, version="1"))
    raced.transact = kept
    await acts.through(pipeline, event(COLON, version="2"))
    assert sent
    assert not [entry for entry in sent[-1]["entry"] if "ifMatch" in entry["request"]]
