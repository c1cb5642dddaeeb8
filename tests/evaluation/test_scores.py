"""The figures over notes, and their laws."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.evaluation import GoldNote, Matcher, Rates, Tally, Verdicts, judge_note, score
from medie_fhir.model import Alignment, Fact

Say = Callable[..., Verdicts]
COUNTS = st.integers(min_value=0, max_value=50)


@given(right=COUNTS, wrong=COUNTS, gold=COUNTS, found=COUNTS)
def test_f1_lies_between_precision_and_recall(right: int, wrong: int, gold: int, found: int) -> None:
    rates = Rates.of(Tally(right=right, wrong=wrong, gold=max(gold, found), found=found))
    assert min(rates.precision, rates.recall) - 1e-12 <= rates.f1 <= max(rates.precision, rates.recall) + 1e-12
    assert (rates.f1 == 0) == (rates.precision * rates.recall == 0)


def test_the_gold_as_prediction_has_every_figure_at_its_best(
    said: Say, notes: tuple[GoldNote, ...], fields: tuple[str, ...]
) -> None:
    scores = score([said(note, note.gold) for note in notes], fields)
    assert (scores.macro_f1, scores.exact_match, scores.exact_f1) == (1, 1, 1)
    assert (scores.forbidden, scores.ungrounded) == (0, 0)
    assert scores.negatives.clean == scores.negatives.notes == 4
    assert not any(trap.caught_notes for trap in scores.traps.values())


def test_nothing_predicted_finds_nothing_and_invents_nothing(
    said: Say, notes: tuple[GoldNote, ...], fields: tuple[str, ...]
) -> None:
    scores = score([said(note, {}) for note in notes], fields)
    assert scores.macro_f1 == 0
    assert (scores.negatives.clean, scores.negatives.invented) == (4, 0)


def test_a_value_that_does_not_stand_where_it_says_is_ungrounded(said: Say, fields: tuple[str, ...]) -> None:
    note = GoldNote(id="n", text="Stage IV.", gold={"stage": ("Stage IV",)})
    assert score([said(note, {"stage": ["Stage IV"]})], fields).ungrounded == 0
    assert score([said(note, {"stage": ["IVB"]})], fields).ungrounded == 1
    assert (
        score([said(note.model_copy(update={"text": "stage IV."}), {"stage": ["stage IV", "x"]})], fields).ungrounded
        == 0.5
    )


def test_wording_counts_for_exactness_alone(said: Say, fields: tuple[str, ...]) -> None:
    note = GoldNote(id="n", text="t", gold={"metastasis_site": ("liver", "bone")})
    stage = score([said(note, {"metastasis_site": ["Bone", "hepatic"]})], fields).fields["metastasis_site"]
    assert stage.rates.f1 == 1
    assert (stage.exact_match, stage.exact_f1) == (0, 0.5)


def test_invented_values_are_counted_on_negatives(said: Say, fields: tuple[str, ...]) -> None:
    note = GoldNote(id="n", text="t", trap=("pure_negative",))
    scores = score([said(note, {"stage": ["II", "III"]}), said(note, {})], fields)
    assert (scores.negatives.notes, scores.negatives.clean, scores.negatives.invented) == (2, 1, 2)
    trap = scores.traps["pure_negative"]
    assert (trap.notes, trap.caught_notes, trap.caught_values) == (2, 1, 2)


@given(data=st.data())
def test_the_whole_is_the_sum_of_its_parts(
    predictions: st.SearchStrategy[list[Verdicts]], fields: tuple[str, ...], data: st.DataObject
) -> None:
    drawn = data.draw(predictions)
    cut = data.draw(st.integers(min_value=0, max_value=len(drawn)))
    whole, first, rest = (score(part, fields) for part in (drawn, drawn[:cut], drawn[cut:]))
    for field in fields:
        both = first.fields[field].tally.plus(rest.fields[field].tally)
        assert whole.fields[field].tally == pytest.approx(both)


def test_no_notes_have_no_figures(fields: tuple[str, ...]) -> None:
    scores = score([], fields)
    assert (scores.macro_f1, scores.exact_f1, scores.negatives.notes) == (0, 0, 0)


def test_exact_values_are_parted_as_the_task_parts_them(matcher: Matcher) -> None:
    note = GoldNote(id="n", text="t", gold={"treatment": ("FOLFOX and bevacizumab",)})
    facts = [
        Fact(field="treatment", value=value, alignment=Alignment.NONE, readers=("model",))
        for value in ("FOLFOX", "bevacizumab")
    ]
    parted = judge_note(note, facts, ["treatment"], matcher, {"treatment": re.compile(r"\s+and\s+")})
    assert score([parted], ["treatment"]).exact_match == 1
    assert score([judge_note(note, facts, ["treatment"], matcher)], ["treatment"]).exact_match == 0
