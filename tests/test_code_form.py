"""A code's form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.code_form import malformed

SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"


@pytest.mark.parametrize("code", ["254626006", "22298006", "550991000124107", "1228882005"])
def test_an_sctid_is_sound(code: str) -> None:
    assert malformed(SNOMED, code) is None


@given(st.sampled_from(["254626006", "550991000124107"]), st.integers(0, 14), st.integers(1, 9))
def test_one_wrong_digit_is_seen(code: str, place: int, step: int) -> None:
    place %= len(code)
    wrong = f"{code[:place]}{(int(code[place]) + step) % 10}{code[place + 1 :]}"
    assert malformed(SNOMED, wrong) is not None


@pytest.mark.parametrize("code", ["550991000124100", "5.50991E+14", "25462600", "", "C34.90"])
def test_what_a_spreadsheet_makes_of_an_sctid_is_seen(code: str) -> None:
    assert malformed(SNOMED, code) is not None


def test_a_loinc_code_has_its_check_digit() -> None:
    assert malformed(LOINC, "29593-1") is None
    assert malformed(LOINC, "LA28366-5") is None
    assert malformed(LOINC, "29593") is not None


@pytest.mark.parametrize("code", ["C34.90", "HGVS:1", "our-1", "E11.9"])
def test_another_systems_code_has_any_form(code: str) -> None:
    assert malformed("https://our-hospital.org/codes", code) is None
