"""What the tests of extraction share: the oncology task, notes, and a model server in memory."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from itertools import pairwise

import pytest

from medie_fhir.extraction import Task, load_task
from medie_fhir.model import NoteText, OffsetMap, Section, Span
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest, Token
from medie_fhir.shipped import shipped


class MemoryModel:
    """A ModelServer that answers what a function of the piece of note says: a text, an answer, or an error."""

    def __init__(self, answers: Callable[[str], str | ModelAnswer | Exception]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        piece = request.messages[-1]["content"].split("Text: ", 1)[1]
        self.asked.append(piece)
        answer = self.answers(piece)
        if isinstance(answer, Exception):
            raise answer
        return ModelAnswer(answer, "stop", (), 10, 5) if isinstance(answer, str) else answer

    async def describe(self) -> ModelDescription:
        return ModelDescription(model="memory")


@pytest.fixture(scope="session")
def task() -> Task:
    return load_task(shipped("schemas", "tasks", "oncology.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def memory_model() -> type[MemoryModel]:
    return MemoryModel


@pytest.fixture(scope="session")
def note_of() -> Callable[..., NoteText]:
    """A note whose sentences end at a full stop or a line's end, with a section from each given place on."""

    def build(text: str, sections: tuple[int, ...] = ()) -> NoteText:
        sentences = tuple(Span(*m.span()) for m in re.finditer(r"[^.\n]*(?:\.|\n|[^.\n]\Z)", text) if m[0].strip())
        edges = (0, *sections, len(text))
        return NoteText(
            text=text,
            source=text,
            offsets=OffsetMap.identity(len(text)),
            content_type="text/plain",
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            sentences=sentences,
            sections=tuple(Section(Span(a, b), "other") for a, b in pairwise(edges)),
        )

    return build


@pytest.fixture(scope="session")
def answer_of(task: Task) -> Callable[..., str]:
    """The compact JSON that the adapters write, null for every field that is not given."""

    def build(**values: str) -> str:
        return json.dumps({name: values.get(name) for name in task.fields}, ensure_ascii=False, separators=(",", ":"))

    return build


@pytest.fixture(scope="session")
def tokens_of() -> Callable[[list[tuple[str, float]]], tuple[Token, ...]]:
    return lambda pairs: tuple(Token(text, logprob) for text, logprob in pairs)
