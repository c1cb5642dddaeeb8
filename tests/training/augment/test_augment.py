"""The laws of augmentation: what is made can be believed, and is made the same each time."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from medie_fhir.extraction import Task, in_sight
from training.augment import (
    Phrases,
    aligned,
    composed,
    distracted,
    negative,
    negatives_of_text,
    paraphrased,
)
from training.augment.composed import joined
from training.augment.phrases import stands_in
from training.rows import Row, nothing

SEEDS = st.integers(0, 10_000)


def items(row: Row, field: str) -> list[str]:
    return [item.strip() for item in (row.answer[field] or "").split(";") if item.strip()]


@st.composite
def made_rows(draw: st.DrawFn, phrases: Phrases, task: Task) -> Row:
    """A row whose values are wordings of the phrases, some of them in the note word for word."""
    answer = nothing(task)
    said = []
    for field, groups in phrases.wordings.items():
        values = draw(st.lists(st.sampled_from([word for group in groups for word in group]), max_size=2, unique=True))
        answer[field] = "; ".join(values) or None
        said += [value for value in values if draw(st.booleans())]
    filler = st.sampled_from(["The patient", "was seen;", "PROGRESS of", "no", "ERCP", "and then (see above)"])
    words = [word for value in said for word in (value, draw(filler))]
    return Row(" ".join(["Note:", *draw(st.permutations(words)), "."]), answer)


@given(data=st.data())
def test_after_a_paraphrase_every_value_that_stood_in_the_note_still_does(
    data: st.DataObject, phrases: Phrases, task: Task
) -> None:
    row = data.draw(made_rows(phrases, task))
    made = paraphrased(row, phrases, Random(data.draw(SEEDS)))
    if made is None:
        return
    changed = 0
    for field in task.fields:
        before, after = items(row, field), items(made, field)
        assert len(before) == len(after)
        for old, new in zip(before, after, strict=True):
            changed += old != new
            assert stands_in(new, made.text) or not stands_in(old, row.text)
    assert changed >= 1
    assert made.text != row.text


def test_a_value_is_paraphrased_in_the_note_and_in_the_answer(rows: list[Row], phrases: Phrases) -> None:
    wordings = {"adenocarcinoma of the lung", "pulmonary adenocarcinoma", "partial remission"}
    seen = set()
    for seed in range(20):
        made = paraphrased(rows[0], phrases, Random(seed))
        assert made is not None
        seen |= {value for value in made.answer.values() if value in wordings and value in made.text}
    assert seen == wordings


@given(data=st.data())
def test_alignment_changes_no_note_and_no_value_that_stands_in_it(
    data: st.DataObject, phrases: Phrases, task: Task
) -> None:
    row = data.draw(made_rows(phrases, task))
    made = aligned(row, phrases)
    assert made.text == row.text
    for field in task.fields:
        for old, new in zip(items(row, field), items(made, field), strict=True):
            assert old == new or (stands_in(new, row.text) and not stands_in(old, row.text))
    assert aligned(made, phrases) == made


def test_a_value_takes_the_notes_words(rows: list[Row], phrases: Phrases) -> None:
    assert aligned(rows[2], phrases).answer["cancer_type"] == "adenocarcinoma of the colon"


@given(seed=SEEDS, which=st.integers(0, 2))
@example(seed=276, which=1)  # the sentence and what follows it begin with the same letter
def test_a_distractor_leaves_the_answer_and_every_word_of_the_note(
    seed: int, which: int, rows: list[Row], phrases: Phrases
) -> None:
    row = rows[which]
    made = distracted(row, phrases, Random(seed))
    assert made is not None
    assert made.answer == row.answer
    start = next(i for i, (a, b) in enumerate(zip(row.text + "\0", made.text, strict=False)) if a != b)
    longer = len(made.text) - len(row.text)
    places = [i for i in range(start + 1) if made.text[:i] + made.text[i + longer :] == row.text]
    assert places
    added = [made.text[place : place + longer] for place in places]
    named = [value for values in phrases.values.values() for value in values if any(stands_in(value, a) for a in added)]
    assert named
    assert not any(stands_in(value, row.text) for value in named)
    assert not any(value and stands_in(name, value) for value in row.answer.values() for name in named)


@given(seed=SEEDS)
def test_a_negative_says_nothing_and_fits_a_chunk(seed: int, phrases: Phrases, task: Task) -> None:
    made = negative(task, phrases, Random(seed))
    assert made == negative(task, phrases, Random(seed))
    assert set(made.answer.values()) == {None}
    assert 0 < len(made.text) <= task.chunk.limit
    assert "{" not in made.text


def test_half_of_the_negatives_would_be_shown_to_the_model(phrases: Phrases, task: Task) -> None:
    chance = Random(1)
    shown = sum(in_sight(negative(task, phrases, chance).text, task) for _ in range(400))
    assert 120 < shown < 280


@given(seed=SEEDS)
def test_a_composed_note_holds_its_rows_whole_and_their_values_once(
    seed: int, rows: list[Row], phrases: Phrases, task: Task
) -> None:
    made = composed(rows, task, phrases, Random(seed))
    inside = [row for row in rows if row.text in made.text]
    assert 1 <= len(inside) <= 2
    assert len(made.text) <= task.chunk.limit
    for field in task.fields:
        expected = {value.casefold() for row in inside for value in items(row, field)}
        assert sorted(value.casefold() for value in items(made, field)) == sorted(expected)


def test_answers_that_would_outgrow_a_field_are_not_joined(task: Task) -> None:
    long = {**nothing(task), "stage": "I" * 50}
    assert joined(long, {**long, "stage": "V" * 50}, task) is None
    assert joined(long, long, task) == long


def test_a_text_of_ones_own_becomes_negatives_of_the_size_that_is_served(task: Task) -> None:
    text = "The knee was examined. " * 200
    made = list(negatives_of_text(text, task))
    assert len(made) > 2
    assert all(len(row.text) <= task.chunk.limit and set(row.answer.values()) == {None} for row in made)
    assert "".join("".join(row.text for row in made).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("value", "text", "stands"),
    [
        ("PR", "in PROGRESS", False),
        ("PR", "PR+", False),
        ("ER+", "ER+/PR+ disease", True),
        ("stage", "Stage IV", True),
        ("HER2-", "HER2-positive", False),
    ],
)
def test_a_value_stands_as_whole_words(value: str, text: str, stands: bool) -> None:
    assert bool(stands_in(value, text)) is stands
