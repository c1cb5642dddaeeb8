"""How sure the figures are, and whether two runs differ."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.evaluation import GoldNote, Verdicts, differences, intervals, score

Say = Callable[..., Verdicts]
FEW = settings(max_examples=15)


@FEW
@given(data=st.data(), seed=st.integers())
def test_the_figure_is_the_scores_and_its_ends_are_in_order(
    predictions: st.SearchStrategy[list[Verdicts]], fields: tuple[str, ...], data: st.DataObject, seed: int
) -> None:
    drawn = data.draw(predictions)
    found = intervals(drawn, fields, random.Random(seed), resamples=40)
    scores = score(drawn, fields)
    assert found["macro_f1"].value == pytest.approx(scores.macro_f1)
    assert found["precision"].value == pytest.approx(scores.total.rates.precision)
    assert found["stage.f1"].value == pytest.approx(scores.fields["stage"].rates.f1)
    assert found["exact_f1"].value == pytest.approx(scores.exact_f1)
    assert all(0 <= one.low <= one.high <= 1 + 1e-9 for one in found.values())


@FEW
@given(data=st.data(), seed=st.integers())
def test_a_run_does_not_differ_from_itself(
    predictions: st.SearchStrategy[list[Verdicts]], fields: tuple[str, ...], data: st.DataObject, seed: int
) -> None:
    drawn = data.draw(predictions)
    for difference in differences(drawn, drawn, fields, random.Random(seed), resamples=40).values():
        assert (difference.value, difference.low, difference.high, difference.p) == (0, 0, 0, 1)
        assert not difference.is_real


@FEW
@given(data=st.data(), seed=st.integers())
def test_runs_that_change_places_change_the_sign(
    predictions: st.SearchStrategy[list[Verdicts]], fields: tuple[str, ...], data: st.DataObject, seed: int
) -> None:
    one, other = data.draw(predictions), data.draw(predictions)
    there = differences(one, other, fields, random.Random(seed), resamples=40)
    back = differences(other, one, fields, random.Random(seed), resamples=40)
    for name, difference in there.items():
        assert back[name].value == pytest.approx(-difference.value)
        assert (back[name].low, back[name].high) == pytest.approx((-difference.high, -difference.low))
        assert (back[name].p, back[name].is_real) == (difference.p, difference.is_real)


def test_all_right_against_nothing_is_a_real_difference(
    said: Say, notes: tuple[GoldNote, ...], fields: tuple[str, ...]
) -> None:
    gold, nothing = [said(note, note.gold) for note in notes], [said(note, {}) for note in notes]
    found = differences(gold, nothing, fields, random.Random(1))["macro_f1"]
    assert found.value == pytest.approx(1)
    assert found.is_real
    assert found.p < 0.05


def test_one_note_more_of_many_is_no_real_difference(
    said: Say, notes: tuple[GoldNote, ...], fields: tuple[str, ...]
) -> None:
    gold = [said(note, note.gold) for note in notes]
    one_less = [said(notes[0], {}), *gold[1:]]
    assert not differences(gold, one_less, fields, random.Random(1))["recall"].is_real


def test_the_same_seed_gives_the_same_intervals(
    said: Say, notes: tuple[GoldNote, ...], fields: tuple[str, ...]
) -> None:
    half = [said(note, note.gold if place % 2 else {}) for place, note in enumerate(notes)]
    assert intervals(half, fields, random.Random(3)) == intervals(half, fields, random.Random(3))


def test_runs_of_other_notes_are_not_compared(said: Say, notes: tuple[GoldNote, ...], fields: tuple[str, ...]) -> None:
    runs = [said(note, {}) for note in notes]
    with pytest.raises(ValueError, match="same notes"):
        differences(runs, runs[1:], fields, random.Random(1))
