"""Long notes. The given ones have one to three sentences, the pieces that are served up to ``task.chunk.limit``."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from medie_fhir.extraction import Task
from training.augment.phrases import Phrases
from training.rows import Answer, Row

__all__ = ["composed", "joined"]


def composed(rows: Sequence[Row], task: Task, phrases: Phrases, chance: Random) -> Row:
    """One note of one or two rows, with sentences about other things around and between them, within the chunk's limit.

    Every row stands whole, so that the answer holds: the values of all, in their order, each once.
    """
    first, second = chance.choice(rows), chance.choice(rows)
    pieces, answer = [first.text], first.answer
    if chance.random() < 0.4 and second is not first and len(first.text) + len(second.text) < task.chunk.limit - 50:
        both = joined(first.answer, second.answer, task)
        if both is not None:
            pieces, answer = [first.text, second.text], both
    if chance.random() < 0.5:
        pieces[0] = f"{chance.choice(phrases.headings)} {pieces[0]}"
    between = chance.choice((" ", "\n", "\n\n"))
    for filler in chance.sample(phrases.fillers, chance.randint(3, min(10, len(phrases.fillers)))):
        longer = list(pieces)
        longer.insert(chance.randint(0, len(pieces)), phrases.filled(filler, chance))
        if len(between.join(longer)) > task.chunk.limit:
            break
        pieces = longer
    return Row(between.join(pieces), answer, "composed")


def joined(first: Answer, second: Answer, task: Task) -> Answer | None:
    """The values of two answers, in order, each once; None where a field would grow beyond its length."""
    answer: dict[str, str | None] = {}
    for name, rule in task.fields.items():
        values = [part.strip() for value in (first.get(name), second.get(name)) if value for part in value.split(";")]
        distinct = list({value.casefold(): value for value in reversed(values)}.values())[::-1]
        text = "; ".join(distinct)
        if len(text) >= rule.max_length:
            return None
        answer[name] = text or None
    return answer
