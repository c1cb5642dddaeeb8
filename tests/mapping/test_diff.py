"""Two renderings of one record: what came, what went, and which elements are others."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.mapping.diff import ABSENT, Change, ElementChange, apply, diff, elements, path_text

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]) | st.floats(-1, 1)
KEYS = st.sampled_from(["url", "system", "code", "value", "x"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@st.composite
def renderings(draw: st.DrawFn) -> list[dict[str, Any]]:
    keys = draw(st.lists(st.tuples(st.sampled_from(["A", "B"]), st.sampled_from("12")), unique=True))
    bodies = draw(st.lists(st.dictionaries(KEYS, VALUES, max_size=4), min_size=len(keys), max_size=len(keys)))
    return [{**body, "resourceType": kind, "id": id_} for (kind, id_), body in zip(keys, bodies, strict=True)]


@settings(deadline=None)
@given(renderings())
def test_a_rendering_and_itself_have_no_difference(resources: list[dict[str, Any]]) -> None:
    changes = diff(resources, copy.deepcopy(resources))
    assert {c.change for c in changes} <= {Change.UNCHANGED}
    assert not any(c.elements for c in changes)


@settings(deadline=None)
@given(renderings(), renderings())
def test_the_old_and_the_difference_make_the_new(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    kept = copy.deepcopy(old)
    assert repr(_sorted(apply(diff(old, new), old))) == repr(_sorted(new))  # repr tells 1 from True and 1.0
    assert old == kept


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _sorted(value[k]) for k in sorted(value)}
    return [_sorted(v) for v in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(renderings(), renderings())
def test_what_one_way_came_went_the_other_way(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    def of(change: Change, a: list[dict[str, Any]], b: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {(c.resource["resourceType"], c.resource["id"]) for c in diff(a, b) if c.change is change}

    assert of(Change.ADDED, old, new) == of(Change.RETRACTED, new, old)
    assert of(Change.CHANGED, old, new) == of(Change.CHANGED, new, old)


def test_resources_are_matched_by_type_and_id_and_not_by_place() -> None:
    one, two = {"resourceType": "Condition", "id": "1"}, {"resourceType": "Observation", "id": "1"}
    assert [c.change for c in diff([one, two], [two, one])] == [Change.UNCHANGED, Change.UNCHANGED]
    assert [c.change for c in diff([one], [two])] == [Change.ADDED, Change.RETRACTED]


def test_an_extension_put_before_others_is_one_element() -> None:
    old = {"extension": [{"url": "a", "valueString": "1"}, {"url": "b", "valueString": "2"}]}
    new = {"extension": [{"url": "new"}, *old["extension"]]}
    assert list(elements(old, new)) == [ElementChange(("extension", 0), ABSENT, {"url": "new"})]
    assert list(elements(new, old)) == [ElementChange(("extension", 0), {"url": "new"}, ABSENT)]


def test_a_changed_code_is_told_to_the_very_element_beside_an_added_coding() -> None:
    old = {"code": {"coding": [{"system": "s", "code": "1"}]}}
    new = {"code": {"coding": [{"system": "t", "code": "9"}, {"system": "s", "code": "2"}]}}
    assert list(elements(old, new)) == [
        ElementChange(("code", "coding", 0), ABSENT, {"system": "t", "code": "9"}),
        ElementChange(("code", "coding", 1, "code"), "1", "2"),
    ]


def test_a_decimals_precision_is_a_difference() -> None:
    assert [e.path for e in elements({"value": 1}, {"value": 1.0})] == [("value",)]


def test_a_path_reads_as_fhirpath() -> None:
    resource = {"resourceType": "Observation"}
    assert path_text(resource, ("component", 1, "code", "text")) == "Observation.component[1].code.text"
    assert path_text(resource, ("component", 1, "code"), indexed=False) == "Observation.component.code"
