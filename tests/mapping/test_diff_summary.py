"""Many records' differences: counted by kind and element, a few samples of each."""

from __future__ import annotations

import json
from typing import Any

from medie_fhir.mapping.diff import Change, diff
from medie_fhir.mapping.diff_summary import DiffSummary, Element, Kind


def observation(id_: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": id_, **more}


def added_up(*records: tuple[list[Any], list[Any]], most: int = 3) -> DiffSummary:
    summary = DiffSummary(most=most)
    for number, (old, new) in enumerate(records):
        summary.add(f"d{number}", (("stage", change) for change in diff(old, new)))
    return summary


def test_resources_are_counted_by_change_type_and_field() -> None:
    same, a, b = observation("1"), observation("2", status="final"), observation("2", status="preliminary")
    summary = added_up(([same, a], [same, b]), ([same], []), ([], [same]), ([same], [same]))
    assert summary.counts == {
        Kind(Change.UNCHANGED, "Observation", "stage"): 2,
        Kind(Change.CHANGED, "Observation", "stage"): 1,
        Kind(Change.RETRACTED, "Observation", "stage"): 1,
        Kind(Change.ADDED, "Observation", "stage"): 1,
    }
    assert (summary.records, summary.differing) == (4, 3)


def test_elements_are_counted_without_their_places_in_lists_once_a_resource() -> None:
    old = observation("1", category=[{"text": "a"}, {"text": "b"}])
    new = observation("1", category=[{"text": "c"}, {"text": "d"}])
    assert added_up(([old], [new])).elements == {Element("stage", "Observation.category.text"): 1}


def test_samples_are_few_of_each_kind_and_a_rare_element_is_among_them() -> None:
    usual = [([observation("1", status="a")], [observation("1", status="b")])] * 50
    rare = ([observation("1", note="a")], [observation("1", note="b")])
    summary = added_up(*usual, rare, ([], [observation("2")]), most=2)
    assert [s.document for s in summary.samples] == ["d0", "d1", "d50", "d51"]
    assert summary.elements[Element("stage", "Observation.status")] == 50


def test_no_samples_where_none_are_wanted() -> None:
    assert added_up(([], [observation("1")]), most=0).samples == []


def test_as_json_an_element_that_is_not_there_has_no_side() -> None:
    summary = added_up(([observation("1", a=1)], [observation("1", b=None)]))
    told = json.loads(json.dumps(summary.to_json()))
    assert told["counts"] == [{"change": "changed", "resource_type": "Observation", "field": "stage", "resources": 1}]
    assert told["samples"][0]["elements"] == [
        {"path": "Observation.a", "old": 1},
        {"path": "Observation.b", "new": None},
    ]
