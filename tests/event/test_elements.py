"""Reading one element of a resource by its type."""

from __future__ import annotations

import pytest

from medie_fhir.errors import InvalidDocumentReference
from medie_fhir.event.elements import ID, absent_reason, concept, identifier, many, moment, one, period, string


@pytest.mark.parametrize("good", ["1", "a-b.C", "x" * 64, "with_underscore", "x" * 128])
def test_ids_of_the_standard_and_of_real_servers_are_ids(good: str) -> None:
    assert ID.match(good)


@pytest.mark.parametrize("bad", ["", ".", "..", "...", "a/b", "a|b", "a b", "ä", "x" * 129, "a\n"])
def test_what_could_lead_elsewhere_is_no_id(bad: str) -> None:
    assert not ID.match(bad)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024", "2024"),
        ("2024-02", "2024-02"),
        ("2024-02-29", "2024-02-29"),
        ("2024-02-29T10:11:12Z", "2024-02-29T10:11:12Z"),
        ("2024-02-29T10:11:12.5+14:00", "2024-02-29T10:11:12.5+14:00"),
        ("2024-02-29T10:11:12", "2024-02-29"),
        ("2024-02-29T10:11Z", "2024-02-29"),
        ("2024-02-29T10:11", "2024-02-29"),
        ("2024-02T10:11:12Z", "2024-02"),
        ("", None),
    ],
)
def test_of_a_time_without_its_zone_or_seconds_the_day_is_kept(written: str, read: str | None) -> None:
    assert moment({"date": written}, "date") == read


@pytest.mark.parametrize(
    "written",
    [
        *("yesterday", "2024-13", "2024-02-30", "0000", "2024-1-1", "20240101", "2024-01-01T25:00:00Z", "٢٠٢٤", 2024),
        f"2024-01-01T00:00:00.{'0' * 19}Z",
    ],
)
def test_what_is_no_moment_is_refused_without_being_told(written: object) -> None:
    with pytest.raises(InvalidDocumentReference) as caught:
        moment({"date": written}, "date")
    assert str(written) not in str(caught.value)


def test_a_lone_object_is_an_array_of_one_and_the_other_way_round() -> None:
    assert many({"a": {"b": 1}}, "a") == [{"b": 1}]
    assert one({"a": [{"b": 1}]}, "a") == {"b": 1}
    assert one({"a": []}, "a") is None
    with pytest.raises(InvalidDocumentReference):
        one({"a": [{}, {}]}, "a")


@pytest.mark.parametrize("value", ["text", 1, True, [None], ["text"], [[]]])
def test_an_element_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(InvalidDocumentReference):
        many({"a": value}, "a")
    if not isinstance(value, str):
        with pytest.raises(InvalidDocumentReference):
            string({"a": value}, "a")


def test_concepts_and_identifiers_are_kept_without_extensions() -> None:
    extension = [{"url": "x", "valueString": "Jane Roe"}]
    assert concept({"coding": [{"code": "c", "extension": extension}], "extension": extension}) == {
        "coding": [{"code": "c"}]
    }
    assert identifier({"value": "1", "assigner": {"display": "Jane Roe"}}) == {"value": "1"}
    assert identifier({"system": "s", "value": " "}) is None
    assert period({"p": {"start": "2024", "extension": extension}}, "p") == {"start": "2024"}


def test_a_data_absent_reason_is_seen_beside_the_element() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
    assert absent_reason({"_data": {"extension": [{"url": url, "valueCode": "masked"}]}}, "data")
    assert not absent_reason({"_data": {"extension": [{"url": "http://example.org/other"}]}}, "data")
    assert not absent_reason({"_data": [1]}, "data")
