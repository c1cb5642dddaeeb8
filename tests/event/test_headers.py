"""What is read of a record's headers: one value for one name, or a refusal."""

from __future__ import annotations

import pytest

from medie_fhir.errors import UnknownEventShape
from medie_fhir.event.headers import text


def test_a_name_is_found_without_regard_to_case() -> None:
    assert text((("CE_Subject", b"x"),), "ce_subject") == "x"


def test_the_same_value_twice_is_one_value() -> None:
    assert text((("a", b"x"), ("A", b"x"), ("a", None)), "a") == "x"


@pytest.mark.parametrize("value", [None, b"", b"\xff"])
def test_a_header_without_a_readable_value_is_not_there(value: bytes | None) -> None:
    assert text((("a", value),), "a") is None


@pytest.mark.parametrize("headers", [(), (("a", None),), (("a", b""),), (("a", b"\xff"),)])
def test_a_required_header_without_a_readable_value_is_refused_by_its_name(
    headers: tuple[tuple[str, bytes | None], ...],
) -> None:
    with pytest.raises(UnknownEventShape, match="the header a "):
        text(headers, "a", required=True)


def test_two_values_of_one_name_are_refused_and_not_told() -> None:
    with pytest.raises(UnknownEventShape, match="the header a comes with different values") as caught:
        text((("a", b"Roe"), ("a", b"Doe")), "a")
    assert "oe" not in str(caught.value).replace("does", "")
