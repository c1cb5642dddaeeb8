"""The note, or its patient, becomes another's: a merge of patients, and a note that was filed wrongly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.model import Json
from medie_fhir.pipeline import Pipeline, Published
from medie_fhir.settings import Settings
from medie_fhir.transaction import is_in_error, place, transaction
from medie_fhir.wiring import assemble_pipeline

Event = Callable[..., bytes]

LUNG, COLON, NOTHING = "Lung adenocarcinoma, stage IV.", "Colon adenocarcinoma, stage III.", "A torn meniscus."
P2 = {"reference": "Patient/p2"}


async def test_a_merge_that_rewrites_whose_all_is_has_edited_nothing(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    """As ``$merge`` of the retired p1 into p2 does: every reference to the one is then to the other."""
    acts.of(pipeline, "flag")
    await acts.through(pipeline, event(LUNG, version="1"))
    survivor = {"reference": "Patient/p2"}
    retired = {"link": [{"type": "replaced-by", "other": survivor}], "active": False}
    patients: list[Json] = [{"resourceType": "Patient", "id": "p2"}, {"resourceType": "Patient", "id": "p1", **retired}]
    await twin.transact(transaction(patients))
    for resource in [*acts.facts(twin), *twin.current("DocumentReference")]:
        await acts.edited(twin, place(resource), lambda r, _: {**r, "subject": survivor})
    theirs = await acts.edited(twin, place(twin.current("Condition")[0]), acts.edits["confirm"])
    assert await acts.through(pipeline, event(LUNG, version="1")) == Published("written", 1, 0, 1)
    assert acts.reasons(twin) == []
    assert (
        await acts.through(pipeline, event(LUNG, version="2", status="entered-in-error", subject=None))
    ).retracted == 1
    assert twin.current("Condition") == [theirs]


async def test_what_a_person_changed_for_a_patient_whose_note_it_never_was_is_shown_to_them(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    acts.of(pipeline, "flag")
    await twin.transact(transaction([{"resourceType": "Patient", "id": "p2"}]))
    await acts.through(pipeline, event(LUNG, version="1"))
    theirs = await acts.edited(twin, place(twin.current("Condition")[0]), acts.edits["confirm"])
    await acts.through(pipeline, event(LUNG, version="2", subject={"reference": "Patient/p2"}))
    assert twin.current("Condition") == [theirs]
    assert twin.current("Observation")[0]["subject"] == {"reference": "Patient/p2"}
    assert acts.reasons(twin) == ["note-of-another-patient"]


def crossing(twin: FhirTwin) -> list[tuple[str, str]]:
    """Which facts refer to which of another patient's."""
    whose = {place(r): r.get("subject") for kind in ("Condition", "Observation") for r in twin.current(kind)}
    return [
        (at, to)
        for kind in ("Condition", "Observation")
        for r in twin.current(kind)
        for to in whose
        if (at := place(r)) != to and f'"{to}"' in json.dumps(r) and whose[to] is not None and whose[at] != whose[to]
    ]


async def test_no_fact_of_the_new_patient_refers_to_one_that_stays_the_former_ones(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    """Under ``keep``: the cancer was confirmed, and the note is then another patient's, and hers again."""
    await twin.transact(transaction([{"resourceType": "Patient", "id": "p2"}]))
    await acts.through(pipeline, event(LUNG, version="1"))
    cancer = twin.current("Condition")[0]
    assert twin.current("Observation")[0]["focus"] == [{"reference": place(cancer)}]
    theirs = await acts.edited(twin, place(cancer), acts.edits["confirm"])
    for _ in range(2):
        assert await acts.through(pipeline, event(LUNG, version="2", subject=P2)) == Published("written", 1, 0, 1)
        (stage,) = twin.current("Observation")
        assert (stage["subject"], "focus" in stage, crossing(twin)) == (P2, False, [])
    versions = twin.count_versions()
    await acts.through(pipeline, event(LUNG, version="2", subject=P2))
    assert twin.count_versions() == versions
    await acts.through(pipeline, event(LUNG, version="3"))
    assert twin.current("Observation")[0]["focus"] == [{"reference": place(cancer)}], "both are p1's again"
    assert twin.current("Condition") == [theirs]


async def test_all_that_nobody_edited_follows_the_note_also_what_no_longer_holds(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await twin.transact(transaction([{"resourceType": "Patient", "id": "p2"}]))
    await acts.through(pipeline, event(LUNG, version="1"))
    before = {place(r) for r in acts.facts(twin)}
    await acts.through(pipeline, event(LUNG.replace(", stage IV", ""), version="2"))
    assert await acts.through(pipeline, event(LUNG, version="3", subject=P2)) == Published("written", 2)
    assert await acts.through(pipeline, event(COLON, version="4")) == Published("written", 2, 2)
    assert await acts.through(pipeline, event(COLON, version="5", subject=P2)) == Published("written", 2)
    assert before < {place(r) for r in acts.facts(twin)}
    assert [r["subject"] for r in acts.facts(twin)] == [P2] * 4
    assert crossing(twin) == []


async def test_where_edits_are_written_over_the_edited_follows_too_and_stays_the_focus(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    acts.of(pipeline, "overwrite")
    await twin.transact(transaction([{"resourceType": "Patient", "id": "p2"}]))
    await acts.through(pipeline, event(LUNG, version="1"))
    await acts.edited(twin, place(twin.current("Condition")[0]), acts.edits["confirm"])
    await acts.through(pipeline, event(LUNG, version="2", subject=P2))
    assert [r["subject"] for r in acts.facts(twin)] == [P2] * 2
    assert twin.current("Observation")[0]["focus"] == [{"reference": place(twin.current("Condition")[0])}]


@given(
    lived=st.tuples(
        st.lists(st.tuples(st.sampled_from([LUNG, COLON, NOTHING]), st.sampled_from("12")), min_size=2, max_size=5),
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), max_size=4),
    )
)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_moves_and_is_edited_what_we_wrote_refers_to_no_other_patients(
    lived: tuple[list[tuple[str, str]], list[tuple[int, int]]],
    configuration: Configuration,
    model: Any,
    event: Event,
    acts: Any,
) -> None:
    life, touched = lived

    async def lives() -> None:
        twin = FhirTwin()
        await twin.transact(transaction([{"resourceType": "Patient", "id": f"p{n}"} for n in "12"]))
        pipeline = assemble_pipeline(Settings(readers=("model",)), configuration, model=model, source=twin, target=twin)
        theirs: set[str] = set()
        for number, (text, patient) in enumerate(life):
            subject = {"reference": f"Patient/p{patient}"}
            await acts.through(pipeline, event(text, version=str(number + 1), subject=subject))
            ours = [r for r in acts.facts(twin) if place(r) not in theirs]
            assert [r["subject"] for r in ours] == [subject] * len(ours)
            assert {at for at, _ in crossing(twin)} <= theirs
            standing = sorted(place(r) for r in ours)
            for which, what in touched[number : number + 1]:
                if standing:
                    reference = standing[which % len(standing)]
                    await acts.edited(twin, reference, list(acts.edits.values())[what], number)
                    theirs.add(reference)

    asyncio.run(lives())


async def test_what_is_taken_back_of_the_new_patient_does_not_refer_to_what_stays_the_former_ones(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await twin.transact(transaction([{"resourceType": "Patient", "id": "p2"}]))
    await acts.through(pipeline, event(LUNG, version="1"))
    cancer = place(twin.current("Condition")[0])
    await acts.edited(twin, cancer, acts.edits["confirm"])
    assert await acts.through(pipeline, event(COLON, version="2", subject=P2)) == Published("written", 2, 1, 1)
    assert crossing(twin) == []
    (taken_back,) = [r for r in twin.current("Observation") if is_in_error(r)]
    assert (taken_back["subject"], "focus" in taken_back) == (P2, False)
