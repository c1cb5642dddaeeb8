"""What the tables gave no code is asked of a terminology server: which values, and what an answer changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from medie_fhir.coding import MAX_CHARACTERS
from medie_fhir.mapping import FieldPolicy, judge
from medie_fhir.model import CodedFact, Concept
from medie_fhir.ports import TerminologyServer

__all__ = ["NO_ANSWERS", "Answers", "ask", "open_questions", "with_answer"]

Answers = Mapping[tuple[str, str], Concept]
"""What a server said, by field and value; a value that it has no code for is not among them."""

NO_ANSWERS: Final[Answers] = {}


def open_questions(facts: Iterable[CodedFact], policy: Mapping[str, FieldPolicy]) -> tuple[tuple[str, str], ...]:
    """The distinct fields and values that no table knows and that a code would let be written.

    What is not written for another reason (it is negated, someone else's, not found in the note) tells nobody anything.
    """
    found = [c.fact for c in facts if c.concept.match == "none" and len(c.fact.value) <= MAX_CHARACTERS]
    coded = Concept("", match="rule")
    return tuple(dict.fromkeys((f.field, f.value) for f in found if judge(f, coded, policy[f.field]) is None))


async def ask(server: TerminologyServer, questions: Iterable[tuple[str, str]]) -> Answers:
    """What the server says of each, asked at once. Raises TerminologyError, when all have been answered or failed."""
    asked = list(questions)
    answers = await asyncio.gather(*(server.code(*question) for question in asked), return_exceptions=True)
    found: dict[tuple[str, str], Concept] = {}
    for question, answer in zip(asked, answers, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        if answer is not None:
            found[question] = answer
    return found


def with_answer(field: str, value: str, concept: Concept, answers: Answers) -> Concept:
    """A value's concept: the tables' where they have one, else with the codes of the answer, where there is one."""
    answer = answers.get((field, value))
    if answer is None or concept.match != "none":
        return concept
    codings = {**concept.codings, **answer.codings}
    return replace(concept, key=answer.key, codings=codings, match=answer.match, row=answer.row)
