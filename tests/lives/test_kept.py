"""A person works on the facts of a document too: what they have changed stays, as the mapping says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.fhir_twin.store import Version
from medie_fhir.pipeline import Pipeline, Published
from medie_fhir.transaction import is_in_error, place, transaction

Event = Callable[..., bytes]

LUNG, COLON, NOTHING = "Lung adenocarcinoma, stage IV.", "Colon adenocarcinoma, stage III.", "A torn meniscus."


async def test_what_a_person_has_changed_stays_through_every_change_of_its_note(
    pipeline: Pipeline, twin: FhirTwin, event: Event, case: tuple[str, Any, str], acts: Any
) -> None:
    reviewed, edit, kind = case
    acts.of(pipeline, reviewed)
    await acts.through(pipeline, event(LUNG, version="1"))
    (resource,) = twin.current(kind)
    theirs = await acts.edited(twin, place(resource), edit)
    for text, version in ((LUNG, "1"), (LUNG + " No fever.", "2"), (COLON, "3"), (NOTHING, "4"), (LUNG, "5")):
        for _ in range(2):
            published = await acts.through(pipeline, event(text, version=version))
            assert await twin.read(kind, resource["id"]) == theirs
        assert published.kept == 1
    for _ in range(2):
        await acts.through(pipeline, event(LUNG, version="6", status="entered-in-error"))
        assert await twin.read(kind, resource["id"]) == theirs
    (gone,) = [
        p
        for p in twin.current("Provenance")
        if p.get("activity", {}).get("text") == "No longer holds: entered-in-error"
    ]
    assert place(resource) not in {t["reference"] for t in gone["target"]}
    assert acts.reasons(twin) == (["no-longer-read", "note-entered-in-error"] if reviewed == "flag" else [])


async def test_where_the_mapping_says_so_a_persons_change_is_written_over_and_taken_back(
    pipeline: Pipeline, twin: FhirTwin, event: Event, edit: Any, acts: Any
) -> None:
    acts.of(pipeline, "overwrite")
    await acts.through(pipeline, event(LUNG, version="1"))
    (before,) = twin.current("Condition")
    await acts.edited(twin, place(before), edit)
    await acts.through(pipeline, event(LUNG, version="1"))
    (after,) = twin.current("Condition")
    assert {k: v for k, v in after.items() if k != "meta"} == {k: v for k, v in before.items() if k != "meta"}
    await acts.edited(twin, place(before), edit, 1)
    assert (await acts.through(pipeline, event(NOTHING, version="2"))).retracted == 2
    assert all(map(is_in_error, acts.facts(twin)))


async def test_what_a_person_has_entered_in_error_does_not_come_back_and_what_they_revive_stays(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG, version="1"))
    (wrong,), (right,) = twin.current("Observation"), twin.current("Condition")
    await acts.edited(twin, place(wrong), acts.judge("entered-in-error", "entered-in-error"))
    await acts.through(pipeline, event(LUNG, version="1"))
    assert is_in_error(twin.current("Observation")[0])
    await acts.through(pipeline, event(NOTHING, version="2"))
    assert is_in_error(twin.current("Condition")[0])
    await acts.edited(twin, place(right), lambda r, _: {**r, "verificationStatus": right["verificationStatus"]})
    await acts.through(pipeline, event(NOTHING, version="3"))
    assert not is_in_error(twin.current("Condition")[0])


async def test_a_person_who_puts_it_back_as_it_was_has_changed_nothing(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG, version="1"))
    (before,) = twin.current("Condition")
    await acts.edited(twin, place(before), acts.edits["refute"])
    await acts.edited(twin, place(before), lambda *_: before)
    assert (await acts.through(pipeline, event(NOTHING, version="2"))) == Published("written", 0, 2)


async def test_what_an_older_release_wrote_without_a_stamp_is_updated_and_then_has_one(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG, version="1"))
    before = acts.facts(twin)
    for fact in before:
        await acts.edited(twin, place(fact), lambda r, _: {**r, "identifier": r["identifier"][:-1]})
    assert (await acts.through(pipeline, event(LUNG, version="1"))).kept == 0
    assert [fact["identifier"] for fact in acts.facts(twin)] == [fact["identifier"] for fact in before]


async def test_an_edit_by_which_the_stamp_alone_is_lost_stays(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG, version="1"))
    noted = {"note": [{"text": "Discussed."}]}
    (stage,) = twin.current("Observation")
    theirs = await acts.edited(twin, place(stage), lambda r, _: {**r, **noted, "identifier": r["identifier"][:-1]})
    for text, version in ((LUNG + " No fever.", "2"), (NOTHING, "3"), (LUNG, "4")):
        assert (await acts.through(pipeline, event(text, version=version))).kept == 1
        assert twin.current("Observation") == [theirs]


@pytest.mark.parametrize("all_of_it", [True, False])
async def test_what_was_deleted_by_others_does_not_hold_a_note_up_for_ever(
    pipeline: Pipeline, twin: FhirTwin, event: Event, all_of_it: bool, acts: Any
) -> None:
    """A copy that was deleted has a version that can't be read, so it can't be guarded; what stands is still read."""
    await acts.through(pipeline, event(LUNG, version="2"))
    theirs = await acts.edited(twin, place(twin.current("Condition")[0]), acts.edits["confirm"])
    kinds = ["Provenance", "Observation", "Condition", "DocumentReference"]
    gone = Version(9, "DELETE", "2026-01-09T00:00:00Z", None)  # in the store: the twin keeps what is referred to
    for resource in [r for kind in kinds[0 if all_of_it else 3 :] for r in twin.current(kind)]:
        twin._store.write(resource["resourceType"], resource["id"], gone, [])
    assert twin.current("DocumentReference") == []
    if all_of_it:
        assert await acts.through(pipeline, event(LUNG, version="2")) == Published("written", 2)
    else:
        assert await acts.through(pipeline, event(LUNG, version="1")) == Published("stale")
        assert await acts.through(pipeline, event(LUNG, version="2")) == Published("written", 1, 0, 1)
        assert twin.current("Condition") == [theirs]
    assert len(twin.current("DocumentReference")) == 1


async def test_a_fact_whose_provenance_was_lost_is_read_before_it_is_written(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG, version="1"))
    theirs = await acts.edited(twin, place(twin.current("Condition")[0]), acts.edits["confirm"])
    (provenance,) = twin.current("Provenance")
    await twin.transact(transaction([{**provenance, "target": [{"reference": "Patient/p1"}]}]))
    await acts.through(pipeline, event(LUNG, version="2"))
    assert twin.current("Condition") == [theirs]
