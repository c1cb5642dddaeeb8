"""The mixture: its shares, its sides, its seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medie_fhir.errors import SettingsError
from medie_fhir.extraction import Task
from training.prepare import prepare, texts_of
from training.recipe import Data, read_recipe
from training.rows import Row


@pytest.fixture
def many(rows: list[Row]) -> list[Row]:
    return [replace(row, text=f"Case {number}. {row.text}") for number in range(40) for row in rows]


def test_the_mixture_has_the_shares_of_the_recipe_and_is_the_same_each_time(many: list[Row], task: Task) -> None:
    data = Data(negatives=0.5, composed=0.25, distracted=0.25, paraphrased=0.25, validation=0.2)
    made = prepare(many, task, data)
    assert made == prepare(many, task, data)
    counts = made.counts()["train"]
    given = counts["given"]
    assert counts == {
        "given": given,
        "negative": round(given / 2),
        **dict.fromkeys(("composed", "distracted", "paraphrased"), round(given / 4)),
    }
    assert given + made.counts()["validation"]["given"] == len(many)


def test_no_given_row_is_on_both_sides_nor_a_text_made_from_it(many: list[Row], task: Task) -> None:
    made = prepare(many, task, Data(validation=0.3))
    cases = {side: {word for row in rows for word in _cases(row.text)} for side, rows in _sides(made).items()}
    assert cases["train"]
    assert cases["validation"]
    assert {row.text for row in made.train}.isdisjoint(row.text for row in made.validation)


def test_a_row_keeps_its_side_when_others_are_added(many: list[Row], task: Task) -> None:
    data = Data(validation=0.3, negatives=0, composed=0, distracted=0, paraphrased=0)
    few, more = prepare(many[:60], task, data), prepare(many, task, data)
    assert {row.text for row in few.validation} <= {row.text for row in more.validation}
    assert {row.text for row in few.train} <= {row.text for row in more.train}


def test_texts_of_ones_own_are_negatives_on_both_sides(many: list[Row], task: Task, tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text(f"Knee number {number} was examined.")
    data = Data(validation=0.2, negatives=0)
    made = prepare(many, task, data, negative_texts=texts_of(tmp_path))
    assert made.counts()["train"]["negative"] == 8
    assert made.counts()["validation"]["negative"] == 2


def test_too_few_rows_and_an_empty_folder_are_refused(rows: list[Row], task: Task, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--validation"):
        prepare(rows[:1], task, Data())
    with pytest.raises(SettingsError, match=r"no \.txt"):
        texts_of(tmp_path)


def test_all_faults_of_a_recipe_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        read_recipe("{name: X, base: b, lora: {rank: 0, alpha: 1}, plan: {epochs: 1, batch: 1}, more: 1}", "r.yaml")
    told = str(refused.value)
    assert [place in told for place in ("name", "lora.rank", "plan.learning_rate", "more")] == [True] * 4


def _sides(made: object) -> dict[str, tuple[Row, ...]]:
    return {"train": made.train, "validation": made.validation}  # type: ignore[attr-defined]


def _cases(text: str) -> list[str]:
    return [word for word in text.split() if word.rstrip(".").isdigit()]
