"""The newest version of a document holds, in whatever order its versions come."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import (
    FhirConflict,
)
from medie_fhir.model import Json
from medie_fhir.pipeline import Pipeline, Published

Event = Callable[..., bytes]

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected. No liver metastases."
NOTHING = "Right knee arthroscopy for a torn meniscus. Uneventful recovery."
COLON = "ASSESSMENT: Colon adenocarcinoma, stage III."


async def test_an_amended_note_takes_back_what_it_no_longer_says(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG, version="1"))
    (published,) = await acts.through(pipeline, event(LUNG.replace("EGFR L858R detected.", ""), version="2"))
    assert published == Published("written", 3, 1)
    assert acts.shown(twin) == {"lung adenocarcinoma", "IV", "brain"}


async def test_a_fact_that_comes_back_revives_the_same_resource(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG, version="1"))
    before = set(acts.current(twin))
    await acts.through(pipeline, event(COLON, version="2"))
    await acts.through(pipeline, event(LUNG, version="3"))
    assert set(acts.current(twin)) == before
    said = [p for p in twin.current("Provenance") if {t["reference"].split("/")[1] for t in p["target"]} == before]
    assert len(said) == 3, "written, taken back, written again: each by a Provenance of its own"


@pytest.mark.parametrize("order", list(itertools.permutations("123")))
async def test_in_whatever_order_versions_come_the_newest_stands(
    pipeline: Pipeline, twin: FhirTwin, event: Event, order: tuple[str, ...], acts: Any
) -> None:
    texts = {"1": LUNG, "2": COLON, "3": LUNG.replace("EGFR L858R detected.", "")}
    for version in order:
        await acts.through(pipeline, event(texts[version], version=version))
    assert acts.shown(twin) == {"lung adenocarcinoma", "IV", "brain"}


async def test_an_older_version_that_comes_late_is_stale(pipeline: Pipeline, event: Event, acts: Any) -> None:
    await acts.through(pipeline, event(LUNG, version="2"))
    assert await acts.through(pipeline, event(COLON, version="1")) == [Published("stale")]


@pytest.mark.parametrize("known", [False, True])
async def test_what_was_held_up_on_its_way_does_not_overwrite_what_another_wrote_meanwhile(
    members: tuple[Pipeline, Pipeline], twin: FhirTwin, event: Event, known: bool, acts: Any
) -> None:
    """A member is frozen between reading what stands and writing: another takes its partition, and goes on."""
    pipeline, another = members
    if known:
        await acts.through(pipeline, event(COLON, version="1"))
    sent = twin.transact
    with pytest.MonkeyPatch.context() as patch:

        async def overtaken(bundle: Json) -> Json:
            if bundle["entry"][0]["resource"]["resourceType"] == "Device":
                return await sent(bundle)
            patch.setattr(twin, "transact", sent)
            for version, text in (("2", LUNG), ("3", LUNG.replace("EGFR L858R detected.", ""))):
                await acts.through(another, event(text, version=version))
            return await sent(bundle)

        patch.setattr(twin, "transact", overtaken)
        with pytest.raises(FhirConflict):
            await acts.through(pipeline, event(LUNG, version="2"))
    assert acts.shown(twin) == {"lung adenocarcinoma", "IV", "brain"}
    assert await acts.through(pipeline, event(LUNG, version="2")) == [Published("stale")]


async def test_a_document_that_is_known_and_says_nothing_any_more_keeps_older_versions_out(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    """Nothing stands when version 4 comes, and it says nothing: it must be known even so, for version 3 is late."""
    for version, text in (("1", LUNG), ("2", NOTHING), ("4", NOTHING)):
        assert (await acts.through(pipeline, event(text, version=version)))[0].outcome == "written"
    assert await acts.through(pipeline, event(LUNG, version="3")) == [Published("stale")]
    assert acts.current(twin) == {}


async def test_an_older_version_of_a_document_that_said_nothing_is_stale_while_the_process_remembers(
    members: tuple[Pipeline, Pipeline], twin: FhirTwin, event: Event, acts: Any
) -> None:
    pipeline, another = members
    before = twin.count_versions()
    assert await acts.through(pipeline, event(NOTHING, version="2")) == [Published("empty")]
    assert await acts.through(pipeline, event(LUNG, version="1")) == [Published("stale")]
    assert twin.count_versions() == before, "no mark on the server"
    assert (await acts.through(pipeline, event(LUNG, version="3")))[0].outcome == "written"
    await acts.through(pipeline, event(NOTHING, "d2", version="2"))
    late = await acts.through(another, event(LUNG, "d2", version="1"))
    assert late[0].outcome == "written", "the limit of it (docs/adr/0005)"
