"""References, as far as they can be followed from outside."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.event.references import Surroundings, kept, literal, type_of

NAMED = {"identifier": [{"system": "s", "value": "v"}]}
NOWHERE = Surroundings()


@pytest.mark.parametrize(
    ("reference", "read"),
    [
        ("Patient/1", ("Patient/1", "Patient", None)),
        ("Patient/1/_history/2", ("Patient/1", "Patient", "2")),
        ("https://a.example/fhir/Patient/1", ("https://a.example/fhir/Patient/1", "Patient", None)),
        ("https://b.example/fhir/Patient/1", ("Patient/1", "Patient", None)),
        ("Patient/..", None),
        ("Patient/1/x", None),
        ("Patient/1?x", None),
        ("patient/1", None),
        ("1", None),
        ("ftp://a/Patient/1", None),
    ],
)
def test_a_literal_reference_is_read_without_its_version(
    reference: str, read: tuple[str, str, str | None] | None
) -> None:
    assert literal(reference, "https://b.example/fhir/") == read


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"reference": "Patient/1", "display": "Jane Roe"}, {"reference": "Patient/1"}),
        (
            {"identifier": {"system": "s", "value": "v"}, "type": "Patient", "display": "Jane Roe"},
            {"identifier": {"system": "s", "value": "v"}, "type": "Patient"},
        ),
        (
            {"reference": "Practitioner?identifier=http://npi.example|99", "display": "Dr Roe"},
            {"type": "Practitioner", "identifier": {"system": "http://npi.example", "value": "99"}},
        ),
        ({"reference": "Patient?identifier=99"}, {"type": "Patient", "identifier": {"value": "99"}}),
        ({"reference": "Patient?name=Roe"}, None),
        ({"reference": "urn:uuid:unknown", "identifier": {"value": "v"}}, {"identifier": {"value": "v"}}),
        ({"reference": "#"}, None),
        ({"display": "Jane Roe"}, None),
        ({"type": "Patient"}, None),
    ],
)
def test_what_leads_somewhere_is_kept_without_names(reference: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert kept(reference, NOWHERE) == expected


def test_a_contained_resource_is_named_by_its_identifier_for_its_id_means_nothing_outside() -> None:
    around = NOWHERE.within({"contained": [{"resourceType": "Patient", "id": "p", **NAMED}]})
    assert kept({"reference": "#p"}, around) == {"type": "Patient", "identifier": {"system": "s", "value": "v"}}


def test_an_entry_of_the_bundle_is_named_by_its_id_else_by_its_identifier() -> None:
    around = Surroundings(
        entries={
            "urn:uuid:1": {"resourceType": "Patient", "id": "p", **NAMED},
            "urn:uuid:2": {"resourceType": "Patient", **NAMED},
            "urn:uuid:3": {"resourceType": "Patient"},
        }
    )
    assert kept({"reference": "urn:uuid:1"}, around) == {"reference": "Patient/p"}
    assert kept({"reference": "urn:uuid:2"}, around) == {
        "type": "Patient",
        "identifier": {"system": "s", "value": "v"},
    }
    assert kept({"reference": "urn:uuid:3"}, around) is None


def test_the_type_in_the_literal_reference_counts_more_than_what_is_said_of_it() -> None:
    assert type_of({"reference": "https://a.example/Group/1", "type": "Patient"}) == "Group"
    assert type_of({"identifier": {"value": "1"}, "type": "Device"}) == "Device"
    assert type_of({"identifier": {"value": "1"}}) is None
