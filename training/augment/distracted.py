"""Distractors: a value that stands in the note and is not the patient's, or not so. The answer must not hold it."""

from __future__ import annotations

import re
from random import Random

from training.augment.phrases import Phrases
from training.rows import Row

__all__ = ["distracted"]

_SENTENCE_END = re.compile(r"(?<=[a-z)]{2}[.])\s+(?=[A-Z])")


def distracted(row: Row, phrases: Phrases, chance: Random) -> Row | None:
    """The row with one more sentence, before, after or within its text; the answer is the same.

    The value is one of which no word stands in the row's text or answer, so that what is denied here is not said
    there. None where no such value is left.
    """
    known = _words(row.text) | {word for value in row.answer.values() if value for word in _words(value)}
    choices = [
        (template, value)
        for by_field in phrases.distractors.values()
        for field, templates in by_field.items()
        for value in phrases.values[field]
        if not _words(value) & known
        for template in templates
    ]
    if not choices:
        return None
    template, value = chance.choice(choices)
    sentence = phrases.filled(template, chance, value=value)
    sentence = sentence[0].upper() + sentence[1:]
    places = [0, *(end.end() for end in _SENTENCE_END.finditer(row.text)), len(row.text)]
    place = chance.choice(places)
    before, after = row.text[:place], row.text[place:]
    gap = "" if not before or before[-1].isspace() else " "
    return Row(f"{before}{gap}{sentence}{' ' if after else ''}{after}", row.answer, "distracted")


def _words(text: str) -> set[str]:
    """The words that tell one value from another: "cancer" and "mutation" stand in many."""
    return {word for word in re.findall(r"\w[\w-]*", text.casefold()) if word not in _COMMON}


_COMMON = {"cancer", "carcinoma", "mutation", "disease", "therapy", "response", "fusion", "cell", "amplification"}
