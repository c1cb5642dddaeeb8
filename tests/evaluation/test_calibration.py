"""Whether confidences keep their word."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.evaluation import GoldNote, Verdicts, calibration

Say = Callable[..., Verdicts]
NOTE = GoldNote(id="n", text="t", gold={"metastasis_site": ("liver",)}, optional={"stage": ("IV",)})


def test_nine_in_ten_right_at_nine_tenths_is_without_error(said: Say) -> None:
    right = [said(NOTE, {"metastasis_site": ["liver"]}, 0.9) for _ in range(9)]
    wrong = said(NOTE, {"metastasis_site": ["brain"]}, 0.9)
    found = calibration([*right, wrong])
    assert found.error == pytest.approx(0)
    assert [(one.values, one.right) for one in found.bins] == [(10, 0.9)]


def test_sure_and_wrong_is_all_error(said: Say) -> None:
    assert calibration([said(NOTE, {"metastasis_site": ["brain"]}, 1.0)]).error == 1


def test_what_has_no_confidence_and_what_is_optional_are_left_out(said: Say) -> None:
    found = calibration([said(NOTE, {"metastasis_site": ["liver"]}), said(NOTE, {"stage": ["IV"]}, 0.2)])
    assert (found.bins, found.error, found.without) == ((), None, 1)


@given(
    said_of=st.lists(
        st.tuples(st.sampled_from(["liver", "brain"]), st.floats(min_value=0, max_value=1)), min_size=1, max_size=30
    )
)
def test_every_value_is_in_one_bin_and_the_error_is_a_share(said: Say, said_of: list[tuple[str, float]]) -> None:
    found = calibration([said(NOTE, {"metastasis_site": [value]}, confidence) for value, confidence in said_of])
    assert sum(one.values for one in found.bins) == len(said_of)
    assert found.error is not None
    assert 0 <= found.error <= 1
    assert all(one.low - 1e-9 <= one.confidence <= one.high + 1e-9 for one in found.bins)
