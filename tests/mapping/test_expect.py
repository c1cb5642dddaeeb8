"""Whether resources are as a case expects, and what to expect instead."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.mapping.diff import ABSENT
from medie_fhir.mapping.expect import Mismatch, mismatches, updated

SCALARS = st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", "b"])
KEYS = st.sampled_from(["x", "y", "z"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
PATTERNS = st.recursive(
    st.none() | SCALARS,
    lambda inner: (
        st.lists(inner.filter(lambda v: v is not None), max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)


def resources(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    bodies = st.dictionaries(KEYS, values, max_size=3)
    kinds = st.sampled_from(["A", "B"])
    return st.lists(st.builds(lambda kind, body: {"resourceType": kind, **body}, kinds, bodies), max_size=3)


@settings(deadline=None)
@given(resources(VALUES))
def test_resources_are_as_they_are(found: list[dict[str, Any]]) -> None:
    assert mismatches(found, found, exact=True) == []
    assert mismatches(found, found, exact=False) == []
    assert mismatches(found[::-1], found, exact=False) == []


@settings(deadline=None)
@given(resources(PATTERNS), resources(VALUES), st.booleans())
def test_what_was_updated_has_no_mismatch(
    expected: list[dict[str, Any]], found: list[dict[str, Any]], exact: bool
) -> None:
    assert mismatches(updated(expected, found, exact=exact), found, exact=exact) == []


@settings(deadline=None)
@given(resources(PATTERNS), resources(VALUES))
def test_what_passes_is_not_updated(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    if not mismatches(expected, found, exact=False):
        again = updated(expected, found, exact=False)
        assert again == expected


def test_a_pattern_names_only_what_it_cares_for() -> None:
    found = {"resourceType": "Observation", "id": "1", "code": {"text": "a", "coding": [{"code": "1"}, {"code": "2"}]}}
    assert mismatches([{"code": {"coding": [{"code": "2"}]}}], [found], exact=False) == []
    assert mismatches([{"code": {"coding": [{"code": "2"}]}}], [found], exact=True) != []


def test_what_differs_is_told_with_its_path_where_it_was_found() -> None:
    found = {"resourceType": "Observation", "code": {"coding": [{"system": "s", "code": "1"}]}}
    wanted = {"resourceType": "Observation", "code": {"coding": [{"system": "s", "code": "2"}], "text": "t"}}
    assert mismatches([wanted], [found], exact=False) == [
        Mismatch("Observation.code.coding[0].code", "2", "1"),
        Mismatch("Observation.code.text", "t", ABSENT),
    ]


def test_null_says_that_an_element_is_not_there() -> None:
    pattern = {"resourceType": "Observation", "focus": None}
    assert mismatches([pattern], [{"resourceType": "Observation"}], exact=False) == []
    there = {"resourceType": "Observation", "focus": [1]}
    assert mismatches([pattern], [there], exact=False) == [Mismatch("Observation.focus", ABSENT, [1])]


def test_a_resource_that_is_missing_and_one_that_nobody_expected_are_told() -> None:
    condition, observation = {"resourceType": "Condition"}, {"resourceType": "Observation"}
    assert mismatches([condition], [observation], exact=False) == [
        Mismatch("Condition", condition, ABSENT),
        Mismatch("Observation", ABSENT, observation),
    ]


def test_a_pattern_that_fits_several_leaves_to_another_the_one_that_it_needs() -> None:
    found = [{"resourceType": "O", "text": "a"}, {"resourceType": "O", "text": "b"}]
    assert mismatches([{"resourceType": "O"}, {"resourceType": "O", "text": "a"}], found, exact=False) == []


def test_each_item_of_a_list_wants_an_item_of_its_own() -> None:
    pattern = {"resourceType": "O", "coding": [{"system": "s"}, {"system": "s"}]}
    found = {"resourceType": "O", "coding": [{"system": "s"}]}
    assert [m.path for m in mismatches([pattern], [found], exact=False)] == ["O.coding[1]"]


def test_what_nobody_expected_is_written_without_what_the_engine_adds() -> None:
    derivation = {"url": "http://hl7.org/fhir/StructureDefinition/derivation-reference"}
    found = {
        "resourceType": "Condition",
        "id": "1",
        "meta": {"security": [{"code": "AIAST"}], "source": "DocumentReference/case"},
        "extension": [derivation, {"url": "ours"}],
        "identifier": [{"value": "1"}],
        "code": {"text": "a"},
    }
    assert updated([], [found], exact=False) == [
        {"resourceType": "Condition", "extension": [{"url": "ours"}], "code": {"text": "a"}}
    ]
