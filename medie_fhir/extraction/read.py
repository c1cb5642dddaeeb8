"""NoteText → raw values: chunk, triage, ask, parse, split."""

from __future__ import annotations

from dataclasses import dataclass, field

from medie_fhir.errors import ModelOutputError
from medie_fhir.extraction.chunk import chunks
from medie_fhir.extraction.confidence import Confidence
from medie_fhir.extraction.items import items
from medie_fhir.extraction.parse import parse
from medie_fhir.extraction.prompt import request
from medie_fhir.extraction.task import Task
from medie_fhir.extraction.triage import in_sight
from medie_fhir.model import NoteText, RawValue, Span, Usage
from medie_fhir.ports import ModelAnswer, ModelServer

__all__ = ["READER", "Reading", "read"]

READER = "model"
"""The reader's name in the values it sees."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model read in a note. ``triaged`` where no piece showed a sign of the task's."""

    values: tuple[RawValue, ...] = ()
    usage: Usage = field(default_factory=Usage)
    triaged: bool = False


async def read(note: NoteText, task: Task, model: ModelServer, *, triage: bool = True) -> Reading:
    """All that the model sees in a note, piece by piece, in order.

    A piece whose answer can't be used is read once more, in pieces of half its size: at temperature 0 the same question
    would get the same answer, and what a small model stumbles over is mostly length. Raises ModelOutputError where one
    of those fails too, for what could not be read is not without findings; and what the model server raises.
    """
    wanted = [span for span in chunks(note, task.chunk.limit) if not triage or in_sight(_text(note, span), task)]
    values: list[RawValue] = []
    answers: list[ModelAnswer] = []
    for span in wanted:
        try:
            values += await _ask(note, span, task, model, answers)
        except ModelOutputError:
            for half in chunks(note, (span.end - span.start + 1) // 2, span):
                values += await _ask(note, half, task, model, answers)
    paid = [answer for answer in answers if not answer.cached]
    usage = Usage(
        prompt_tokens=sum(answer.prompt_tokens for answer in paid),
        completion_tokens=sum(answer.completion_tokens for answer in paid),
        cached=len(paid) < len(answers),
    )
    return Reading(tuple(values), usage, triaged=triage and not wanted)


async def _ask(
    note: NoteText, span: Span, task: Task, model: ModelServer, answers: list[ModelAnswer]
) -> list[RawValue]:
    """The values of one piece. Its answer is added to ``answers`` before it is read, for it has cost its tokens."""
    answer = await model.complete(request(task, _text(note, span)))
    answers.append(answer)
    confidence = Confidence(answer)
    return [
        RawValue(
            field=name,
            value=" ".join(value.text[item.start : item.end].split()),
            window=span,
            reader=READER,
            confidence=confidence.of(value.places[item.start], value.places[item.end]),
        )
        for name, value in parse(answer, task).items()
        if value is not None
        for item in items(value, task.fields[name], task)
    ]


def _text(note: NoteText, span: Span) -> str:
    return note.text[span.start : span.end]
