"""Quantities in UCUM."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.coding.quantity import find_quantity
from medie_fhir.coding.wording import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50%", {"value": 50, "code": "%"}),
        ("12.4 ng/mL", {"value": 12.4, "code": "ng/mL"}),
        (">= 1,200 U/ml", {"value": 1200, "code": "U/mL", "comparator": ">="}),
        ("≥50 %", {"value": 50, "code": "%", "comparator": ">="}),
        ("less than 1%", {"value": 1, "code": "%", "comparator": "<"}),
        ("22 muts/Mb", {"value": 22, "code": "1/1000000{Base}"}),
        ("5 mIU/mL", {"value": 5, "code": "m[IU]/mL"}),
        ("20", {"value": 20}),
    ],
)
def test_a_quantity_is_read_with_unit_and_comparator(text: str, expected: dict[str, object]) -> None:
    quantity = find_quantity(plain(text))
    assert quantity is not None
    attribute = quantity.as_attribute()
    assert expected.items() <= attribute.items()
    assert ("system" in attribute) == ("code" in expected)


@pytest.mark.parametrize("text", ["", "none", "1-5%", "120 ng/ml then 10 ng/ml", "v7", "3+", "1.2.3"])
def test_no_single_number_no_quantity(text: str) -> None:
    assert find_quantity(plain(text)) is None


@given(st.integers(0, 10**6))
def test_every_number_is_read_as_it_is(number: int) -> None:
    for written in (str(number), f"{number:,}"):
        quantity = find_quantity(f"{written} u/ml")
        assert quantity is not None
        assert quantity.value == number


@pytest.mark.parametrize("text", ["12.000 u/ml", "1.500 ng/ml"])
def test_a_full_stop_that_may_part_thousands_is_no_decimal_point(text: str) -> None:
    assert find_quantity(text) is None


@pytest.mark.parametrize(("text", "value"), [("0.010 ng/ml", 0.01), ("1.234 ng/ml", 1.234), ("12.50 u/ml", 12.5)])
def test_other_decimals_are_read(text: str, value: float) -> None:
    found = find_quantity(text)
    assert found is not None
    assert found.value == value
