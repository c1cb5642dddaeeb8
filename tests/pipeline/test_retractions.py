"""What is taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.pipeline import Pipeline, Published

Event = Callable[..., bytes]

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected. No liver metastases."
COLON = "ASSESSMENT: Colon adenocarcinoma, stage III."


@pytest.mark.parametrize("first", ["note", "retraction"])
async def test_entered_in_error_leaves_nothing_current_whichever_comes_first(
    pipeline: Pipeline, twin: FhirTwin, event: Event, first: str, acts: Any
) -> None:
    values = [event(LUNG, version="1"), event(LUNG, version="2", status="entered-in-error")]
    for value in values if first == "note" else reversed(values):
        await acts.through(pipeline, value)
    assert acts.current(twin) == {}
    versions = twin.count_versions()
    for value in values:
        await acts.through(pipeline, value)
    assert twin.count_versions() == versions


async def test_a_tombstone_takes_everything_back_and_one_of_nothing_does_nothing(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    late = 1_800_000_000_000
    assert await acts.through(pipeline, None, b"DocumentReference/never-seen", late) == [Published("empty")]
    await acts.through(pipeline, event(LUNG))
    (published,) = await acts.through(pipeline, None, b"DocumentReference/d1", late)
    assert published.outcome == "retracted"
    assert acts.current(twin) == {}


async def test_a_document_that_replaces_another_takes_back_the_other(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG, "old"))
    replaces = [{"code": "replaces", "target": {"reference": "DocumentReference/old"}}]
    done = await acts.through(pipeline, event(COLON, "new", "2", relatesTo=replaces))
    assert [p.outcome for p in done] == ["written", "retracted"]
    assert acts.shown(twin) == {"colon adenocarcinoma", "III"}


async def test_a_document_that_is_replaced_by_its_identifier_is_the_one_that_came_with_an_id(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    named = {"system": "urn:ehr", "value": "A,1"}
    await acts.through(pipeline, event(LUNG, "old", identifier=[named]))
    replaces = [{"code": "replaces", "target": {"identifier": named}}]
    done = await acts.through(pipeline, event(COLON, "new", "2", relatesTo=replaces))
    assert done[1] == Published("retracted", 0, 4)
    assert acts.shown(twin) == {"colon adenocarcinoma", "III"}
