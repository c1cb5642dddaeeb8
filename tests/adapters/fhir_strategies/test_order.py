"""Nothing is written before what it refers to, and who says so is written last."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_strategies.order import in_steps
from medie_fhir.errors import FhirRejected
from medie_fhir.model import Json
from medie_fhir.transaction import transaction

KINDS = ["Device", "DocumentReference", "Condition", "Observation", "Provenance"]


@st.composite
def documents(draw: st.DrawFn) -> list[Json]:
    """Resources of which each refers to some before it, shuffled."""
    many = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8))
    many.sort(key=lambda kind: {"Observation": 2}.get(kind, KINDS.index(kind)))
    made: list[Json] = []
    for number, kind in enumerate(many):
        named = draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else []
        about = [{"reference": f"{made[n]['resourceType']}/{made[n]['id']}"} for n in named]
        made.append({"resourceType": kind, "id": str(number), "about": about})
    return draw(st.permutations(made))


@given(documents())
def test_every_entry_is_written_once_and_after_what_it_refers_to(many: list[Json]) -> None:
    entries = transaction(many)["entry"]
    steps = in_steps(entries, ())
    assert sorted(index for step in steps for index in step) == list(range(len(many)))
    written: set[str] = set()
    for step in steps:
        for index in step:
            assert {r["reference"] for r in many[index]["about"]} <= written
        written |= {entries[index]["request"]["url"] for index in step}
    kinds = [many[index]["resourceType"] for step in steps for index in step]
    assert "Provenance" not in kinds[: len(kinds) - kinds.count("Provenance")]


def test_who_says_that_it_no_longer_holds_comes_before_and_who_says_what_holds_comes_last() -> None:
    def provenance(id_: str, target: str) -> Json:
        return {"resourceType": "Provenance", "id": id_, "target": [{"reference": target}]}

    many = [
        provenance("made", "Observation/new"),
        {"resourceType": "Observation", "id": "old", "status": "entered-in-error"},
        provenance("undone", "Observation/old"),
        {"resourceType": "Observation", "id": "new", "status": "preliminary"},
        {"resourceType": "DocumentReference", "id": "d", "status": "current"},
    ]
    entries = transaction(many)["entry"]
    assert in_steps(entries, ["Observation/old", "DocumentReference/d"]) == [[4], [3], [2], [1], [0]]


def circle() -> list[Json]:
    condition = {"resourceType": "Condition", "id": "c", "stage": [{"assessment": [{"reference": "Observation/o"}]}]}
    observation = {"resourceType": "Observation", "id": "o", "focus": [{"reference": "Condition/c"}]}
    entries: list[Json] = transaction([condition, observation])["entry"]
    return entries


def test_new_resources_in_a_circle_are_refused() -> None:
    with pytest.raises(FhirRejected, match="circle"):
        in_steps(circle(), ())


def test_a_circle_of_which_one_stands_is_none() -> None:
    assert in_steps(circle(), ["Condition/c"]) == [[1], [0]]
