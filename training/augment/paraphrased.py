"""Values in other words. A model that copies what is written can be grounded; one that rewrites it can not."""

from __future__ import annotations

from random import Random

from training.augment.phrases import Phrases, standing, stands_in
from training.rows import Row

__all__ = ["aligned", "paraphrased"]


def paraphrased(row: Row, phrases: Phrases, chance: Random) -> Row | None:
    """The row with one value in other words, wherever the note has it and in the answer.

    Law: a value of the answer that stood in the note word for word still does, in its new words or in its old. None
    where no value can be said otherwise without breaking that.
    """
    choices = [
        (field, old, new)
        for field, value in row.answer.items()
        for old in _items(value)
        for group in phrases.wordings.get(field, ())
        if old.casefold() in {wording.casefold() for wording in group} and stands_in(old, row.text)
        for new in group
        if new.casefold() != old.casefold()
    ]
    chance.shuffle(choices)
    before = _standing(row)
    for field, old, new in choices:
        made = _said(row, field, old, new)
        if all(now or not then for then, now in zip(before, _standing(made), strict=True)):
            return made
    return None


def aligned(row: Row, phrases: Phrases) -> Row:
    """The row with each value that the note has only in other words said in the note's words. The note is unchanged."""
    answer = dict(row.answer)
    for field, value in row.answer.items():
        if value:
            known = phrases.wordings.get(field, ())
            answer[field] = "; ".join(_in_the_notes_words(item, row.text, known) for item in _items(value))
    return Row(row.text, answer, row.made)


def _in_the_notes_words(item: str, text: str, groups: tuple[tuple[str, ...], ...]) -> str:
    if not stands_in(item, text):
        for group in groups:
            if item.casefold() in {wording.casefold() for wording in group}:
                return next((found[0] for wording in group if (found := stands_in(wording, text))), item)
    return item


def _said(row: Row, field: str, old: str, new: str) -> Row:
    text = standing(old).sub(lambda _: new, row.text)
    items = (new if item.casefold() == old.casefold() else item for item in _items(row.answer[field]))
    return Row(text, {**row.answer, field: "; ".join(items)}, "paraphrased")


def _standing(row: Row) -> list[bool]:
    """Of each value of the answer, in order, whether it stands in the note word for word."""
    return [stands_in(item, row.text) is not None for value in row.answer.values() for item in _items(value)]


def _items(value: str | None) -> list[str]:
    return [item.strip() for item in (value or "").split(";") if item.strip()]
