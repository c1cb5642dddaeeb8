"""All-null rows: the only way for a model to learn that most notes say nothing of what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from medie_fhir.document import note_text
from medie_fhir.extraction import Task
from medie_fhir.extraction.chunk import chunks
from training.augment.phrases import Phrases
from training.rows import Row, nothing

__all__ = ["negative", "negatives_of_text"]


def negative(task: Task, phrases: Phrases, chance: Random) -> Row:
    """A note about something else. Half of them hold a malignancy that is denied, or another person's."""
    sentences = [chance.choice(phrases.visits)]
    sentences += chance.sample(phrases.fillers, chance.randint(1, 6))
    if chance.random() < 0.5:
        sentences.insert(chance.randint(0, len(sentences)), chance.choice((*phrases.cleared, *phrases.families)))
    text = chance.choice((" ", "\n")).join(phrases.filled(sentence, chance) for sentence in sentences)
    return Row(text, nothing(task), "negative")


def negatives_of_text(text: str, task: Task) -> Iterator[Row]:
    """All-null rows of a text of one's own that names no malignancy, in the pieces in which it would be served.

    That it names none is for its owner to say: nothing here can.
    """
    note = note_text(text)
    for span in chunks(note, task.chunk.limit):
        yield Row(note.text[span.start : span.end], nothing(task), "negative")
