"""Given rows → the rows that are trained on, and those that say when to stop. A function of rows, recipe and seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from medie_fhir.errors import SettingsError
from medie_fhir.extraction import Task
from training.augment import (
    Phrases,
    aligned,
    composed,
    distracted,
    load_phrases,
    negative,
    negatives_of_text,
    paraphrased,
)
from training.recipe import Data
from training.rows import Row

__all__ = ["Prepared", "held_back", "mixed", "prepare", "texts_of"]

_TRIES = 20
"""Rows drawn for one augmentation that fits few of them, before it is given up."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The rows of a training. ``prepare`` puts no given row, and no text made from one, on both sides."""

    train: tuple[Row, ...]
    validation: tuple[Row, ...]

    def counts(self) -> dict[str, dict[str, int]]:
        """How many rows there are of each kind."""
        sides = {"train": self.train, "validation": self.validation}
        return {side: dict(sorted(Counter(row.made for row in rows).items())) for side, rows in sides.items()}


def prepare(
    rows: Sequence[Row],
    task: Task,
    data: Data,
    *,
    validation: Sequence[Row] | None = None,
    negative_texts: Iterable[str] = (),
    phrases: Phrases | None = None,
) -> Prepared:
    """The mixture that a recipe asks for. ``negative_texts`` are texts of one's own that name no malignancy.

    Raises SettingsError where too few rows are given to hold some back.
    """
    words = phrases or load_phrases()
    kept, held = (rows, validation) if validation else held_back(rows, data)
    own = [row for text in negative_texts for row in negatives_of_text(text, task)]
    cut = round(len(own) * data.validation)
    return Prepared(
        train=mixed(kept, own[cut:], task, data, phrases=words, chance=Random(f"train/{data.seed}")),
        validation=mixed(held, own[:cut], task, data, phrases=words, chance=Random(f"validation/{data.seed}")),
    )


def held_back(rows: Sequence[Row], data: Data) -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows held back, by a hash of their text: a row keeps its side when others are added."""

    def share(row: Row) -> float:
        return int.from_bytes(hashlib.sha256(f"{data.seed}/{row.text}".encode()).digest()[:8]) / 2**64

    kept = [row for row in rows if share(row) >= data.validation]
    held = [row for row in rows if share(row) < data.validation]
    if not kept or not held:
        raise SettingsError("too few rows to hold some back for validation: name a file of them by --validation")
    return kept, held


def mixed(
    rows: Sequence[Row], own_negatives: Sequence[Row], task: Task, data: Data, *, phrases: Phrases, chance: Random
) -> tuple[Row, ...]:
    """The given rows, their values in the notes' words, and of each augmentation its share of their number."""
    given = [aligned(row, phrases) for row in rows]

    def some(share: float, make: Callable[[], Row | None]) -> list[Row]:
        tries = (next((row for _ in range(_TRIES) if (row := make())), None) for _ in range(round(len(given) * share)))
        return [row for row in tries if row is not None]

    made = [
        *some(data.negatives, lambda: negative(task, phrases, chance)),
        *some(data.composed, lambda: composed(given, task, phrases, chance)),
        *some(data.distracted, lambda: distracted(chance.choice(given), phrases, chance)),
        *some(data.paraphrased, lambda: paraphrased(chance.choice(given), phrases, chance)),
    ]
    out = [row for row in (*given, *own_negatives, *made) if len(row.text) <= task.chunk.limit]
    chance.shuffle(out)
    return tuple(out)


def texts_of(folder: Path) -> list[str]:
    """The texts of a folder's ``.txt`` files, in the order of their names. Raises SettingsError where there is none."""
    try:
        texts = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.txt"))]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{folder}: a text of it can't be read ({type(error).__name__})") from None
    if not texts:
        raise SettingsError(f"{folder}: holds no .txt file")
    return texts
