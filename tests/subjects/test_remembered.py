"""Answers are remembered for as long as they hold, and asked for once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from medie_fhir.subjects.remembered import Remembered


class Question:
    """Counts how often it is asked; answers with the count, once it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.heard, self.let = asyncio.Event(), asyncio.Event()
        self.let.set()

    async def __call__(self) -> tuple[int, timedelta]:
        self.asked += 1
        answer = self.asked
        self.heard.set()
        await self.let.wait()
        if answer < 0:
            raise ValueError
        return answer, timedelta(seconds=60)


async def test_an_answer_holds_for_its_time_and_not_longer(clock: Any) -> None:
    known, question = Remembered[int](clock, 10), Question()
    assert await known.get("a", question) == 1
    clock.pass_(59.9)
    assert await known.get("a", question) == 1
    clock.pass_(0.1)
    assert await known.get("a", question) == 2


async def test_its_time_runs_from_when_it_was_asked_for(clock: Any) -> None:
    known, question = Remembered[int](clock, 10), Question()
    question.let.clear()
    asking = asyncio.ensure_future(known.get("a", question))
    await question.heard.wait()
    clock.pass_(60)
    question.let.set()
    assert await asking == 1
    assert await known.get("a", question) == 2


async def test_those_who_ask_at_once_are_answered_by_one_question(clock: Any) -> None:
    known, question = Remembered[int](clock, 10), Question()
    assert await asyncio.gather(*(known.get("a", question) for _ in range(50))) == [1] * 50


async def test_who_is_cancelled_leaves_the_others_their_answer(clock: Any) -> None:
    known, question = Remembered[int](clock, 10), Question()
    question.let.clear()
    first, second = (asyncio.ensure_future(known.get("a", question)) for _ in range(2))
    await question.heard.wait()
    first.cancel()
    question.let.set()
    assert await second == 1
    assert first.cancelled()


async def test_an_error_reaches_all_who_wait_and_is_not_remembered(clock: Any) -> None:
    known, question = Remembered[int](clock, 10), Question()
    question.asked = -2
    both = await asyncio.gather(*(known.get("a", question) for _ in range(2)), return_exceptions=True)
    assert [type(each) for each in both] == [ValueError, ValueError]
    question.asked = 0
    assert await known.get("a", question) == 1


async def test_no_more_are_remembered_than_may_be_and_the_unused_go_first(clock: Any) -> None:
    known, question = Remembered[int](clock, 2), Question()
    for key in ("a", "b", "a", "c"):
        await known.get(key, question)
    assert len(known) == 2
    assert await known.get("a", question) == 1
    assert await known.get("b", question) == 4


@pytest.mark.parametrize("keys", [("a", "b")])
async def test_two_questions_have_two_answers(clock: Any, keys: tuple[str, ...]) -> None:
    known, question = Remembered[int](clock, 10), Question()
    assert [await known.get(key, question) for key in keys] == [1, 2]
