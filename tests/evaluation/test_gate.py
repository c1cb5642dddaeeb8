"""The thresholds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.errors import SettingsError
from medie_fhir.evaluation import load_gate

FIGURES = {"macro_f1": 0.9, "fields": {"stage": {"f1": 0.5}}, "cost": {"failed": 0, "well": True}}


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("macro_f1: { min: 0.9 }", []),
        ("macro_f1: { min: 0.91 }", ["macro_f1: 0.9 (min 0.91)"]),
        ("fields.stage.f1: { min: 0.4, max: 0.6 }", []),
        ("fields.stage.f1: { max: 0.4 }", ["fields.stage.f1: 0.5 (max 0.4)"]),
        ("cost.failed: { max: 0 }", []),
        ("macro_f11: { min: 0 }", ["macro_f11: not measured (min 0)"]),
        ("fields.stage: { min: 0 }", ["fields.stage: not measured (min 0)"]),
        ("cost.well: { min: 0 }", ["cost.well: not measured (min 0)"]),
    ],
)
def test_a_gate_names_what_fails(text: str, fails: list[str]) -> None:
    assert [*map(str, load_gate(text, "gate.yaml").shortfalls(FIGURES))] == fails


def test_what_is_not_a_number_fails() -> None:
    assert load_gate("x: { max: 1 }", "gate.yaml").shortfalls({"x": float("nan")})


@given(value=st.floats(0, 1), low=st.floats(0, 1))
def test_a_figure_passes_just_where_it_reaches_its_bound(value: float, low: float) -> None:
    fails = load_gate(f"x: {{ min: {low!r} }}", "gate.yaml").shortfalls({"x": value})
    assert bool(fails) == (value < low)


@pytest.mark.parametrize("text", ["", "{}", "macro_f1: {}", "macro_f1: 0.9", "macro_f1: { least: 1 }", "{", "- a"])
def test_a_gate_that_guards_nothing_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"gate\.yaml"):
        load_gate(text, "gate.yaml")


def test_the_projects_own_gate_is_one() -> None:
    assert load_gate((Path(__file__).parent / "gate.yaml").read_text(encoding="utf-8"), "gate.yaml").root
