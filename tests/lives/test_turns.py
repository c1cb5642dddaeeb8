"""However events and edits take turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.model import Json
from medie_fhir.settings import Settings
from medie_fhir.transaction import is_in_error, place, transaction
from medie_fhir.wiring import assemble_pipeline

Event = Callable[..., bytes]

LUNG, COLON, NOTHING = "Lung adenocarcinoma, stage IV.", "Colon adenocarcinoma, stage III.", "A torn meniscus."
HOLDS = {LUNG: {"lung adenocarcinoma", "IV"}, COLON: {"colon adenocarcinoma", "III"}, NOTHING: set[str]()}


LIVES = st.lists(st.sampled_from([LUNG, COLON, NOTHING, "entered-in-error"]), min_size=1, max_size=4)
STEPS = st.lists(
    st.tuples(st.just("event"), st.integers(0, 3)) | st.tuples(st.integers(0, 6), st.integers(0, 3)),
    min_size=2,
    max_size=9,
)


@given(steps=st.tuples(LIVES, st.sampled_from(["keep", "flag"]), STEPS))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_events_and_edits_take_turns_no_edited_resource_ever_changes_and_the_others_follow_the_note(
    steps: tuple[list[str], str, list[tuple[str, int]]],
    configuration: Configuration,
    model: Any,
    event: Event,
    acts: Any,
) -> None:
    life, reviewed, turns = steps
    values = [
        event(LUNG, version=str(n + 1), status=what) if what == "entered-in-error" else event(what, version=str(n + 1))
        for n, what in enumerate(life)
    ]

    async def lived() -> None:
        twin = FhirTwin()
        await twin.transact(transaction([{"resourceType": "Patient", "id": "p1"}]))
        pipeline = acts.of(
            assemble_pipeline(Settings(readers=("model",)), configuration, model=model, source=twin, target=twin),
            reviewed,
        )
        theirs: dict[str, Json] = {}
        meant: dict[str, str] = {}

        async def happens(number: int) -> None:
            await acts.through(pipeline, values[number % len(values)])
            for fact in acts.facts(twin):
                meant.setdefault(place(fact), (fact.get("valueCodeableConcept") or fact["code"])["text"])
            for reference, resource in theirs.items():
                assert await twin.read(*reference.split("/")) == resource

        for number, (what, which) in enumerate(turns):
            standing = sorted(map(place, acts.facts(twin)))
            if what == "event":
                await happens(which)
            elif standing:
                reference = standing[which % len(standing)]
                theirs[reference] = await acts.edited(twin, reference, list(acts.edits.values())[int(what)], number)
        for number in range(len(values)):
            await happens(number)
        versions = twin.count_versions()
        for number in (*range(len(values)), *range(len(values))):
            await happens(number)
        assert twin.count_versions() == versions, "done again, something changed"
        ours = {meant[place(f)] for f in acts.facts(twin) if place(f) not in theirs and not is_in_error(f)}
        assert ours == HOLDS.get(life[-1], set()) - {meant[reference] for reference in theirs}

    asyncio.run(lived())
