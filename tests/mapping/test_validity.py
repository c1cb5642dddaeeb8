"""Two resources of one shape are valid or not together; what words hold plays no part in it."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.mapping.validity import MOST_SHAPES, Validity, shape_of
from medie_fhir.mapping.validity import _judged as judged

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "one",
    "meta": {"source": "DocumentReference/d", "security": [{"system": "http://x", "code": "AIAST", "display": "AI"}]},
    "identifier": [{"system": "urn:facts", "value": "one"}],
    "status": "preliminary",
    "code": {"coding": [{"system": "http://loinc.org", "code": "21908-9"}], "text": "Stage"},
    "subject": {"reference": "Patient/p"},
    "effectiveDateTime": "2026-01-01",
    "valueQuantity": {"value": 12.5, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
}
PLACES = [
    ("id",),
    ("meta", "source"),
    ("meta", "security", 0, "code"),
    ("identifier", 0, "value"),
    ("status",),
    ("code", "text"),
    ("code", "coding", 0, "code"),
    ("subject", "reference"),
    ("effectiveDateTime",),
    ("valueQuantity", "value"),
    ("valueQuantity", "unit"),
]
ODD = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            *(
                "",
                " ",
                "\x00",
                "\u00a0",
                "a b",
                "two\nlines",
                "Patient/p",
                "Patient/",
                "patient/p",
                "urn:uuid:1",
                "a/b",
                "a_b",
            ),
            *("2026", "2026-02-30", "2026-13-01", "0000-01-01", "2026-01-01T25:00:00Z", "2026-01-01T10:00:00Z", "ä"),
            *("2026-01-01T10:00:00", "final", "finaal"),
        ]
    ),
    st.integers(-3, 2**40),
    st.floats(),
    st.booleans(),
    st.none(),
    st.just([]),
    st.just({}),
)


def with_(place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(OBSERVATION)
    node: Any = changed
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return changed


@settings(deadline=None)
@given(st.sampled_from(PLACES), ODD, ODD)
def test_two_resources_of_one_shape_have_the_same_faults(place: tuple[str | int, ...], one: Any, other: Any) -> None:
    a, b = with_(place, one), with_(place, other)

    if shape_of(a) == shape_of(b):
        assert judged(a) == judged(b)


@settings(deadline=None)
@given(st.sampled_from(PLACES), ODD)
def test_what_has_the_shape_of_a_valid_resource_is_valid(place: tuple[str | int, ...], value: Any) -> None:
    changed = with_(place, value)

    if shape_of(changed) == shape_of(OBSERVATION):
        assert judged(changed) == ()


def test_another_text_has_the_same_shape_and_another_code_has_not() -> None:
    assert shape_of(with_(("code", "text"), "anything")) == shape_of(OBSERVATION)
    assert shape_of(with_(("code", "coding", 0, "code"), "1-8")) != shape_of(OBSERVATION)


def test_a_number_that_is_a_text_is_no_number_and_lends_its_shape_to_no_other_text() -> None:
    validity = Validity()
    number, words = (with_(("valueQuantity", "value"), text) for text in ("12.4", "abc"))

    assert shape_of(number) == shape_of(words)
    assert validity.faults(number) == validity.faults(words) != ()


@pytest.mark.parametrize(("place", "value"), [(("status",), "banana"), (("effectiveDateTime",), "2026")])
def test_a_fault_is_told_each_time_and_without_its_value(place: tuple[str | int, ...], value: str) -> None:
    validity = Validity()
    told = [validity.faults(with_(place, value)) for _ in range(2)]

    assert told[0] == told[1] != ()
    assert value not in " ".join(told[0])


def test_as_many_shapes_as_are_kept_are_bounded() -> None:
    validity = Validity()
    for n in range(MOST_SHAPES):
        validity._known[str(n)] = ()
    validity.faults(OBSERVATION)

    assert len(validity._known) == MOST_SHAPES
