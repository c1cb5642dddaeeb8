"""Whose turn it is: no more than may, each patient's one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

Make = Callable[..., Any]


async def test_no_more_run_than_may_and_the_rest_come_in_their_order(bench: Make) -> None:
    async with bench(most=2) as b:
        for patient in "abcd":
            await b.send(patient)
        assert b.server.order == ["a", "b"]
        assert (b.paced.limit, b.paced.running, b.paced.waiting) == (2, 2, 2)

        await b.answer("b")
        await b.answer("a")
        assert b.server.order == ["a", "b", "c", "d"]


async def test_one_patients_transactions_run_one_after_the_other_and_others_beside_them(bench: Make) -> None:
    async with bench() as b:
        for patient in "aabac":
            await b.send(patient)
        assert b.server.order == ["a", "b", "c"]

        await b.answer("b")
        assert b.server.order == ["a", "b", "c"]
        await b.answer("a")
        assert b.server.order == ["a", "b", "c", "a"]


async def test_a_transaction_of_two_patients_waits_for_both_and_is_not_overtaken(bench: Make) -> None:
    async with bench() as b:
        for patients in ("a", "b", "ab", "a"):
            await b.send(*patients)
        await b.answer("a")
        assert b.server.order == ["a", "b"]
        await b.answer("b")
        assert b.server.order == ["a", "b", "a+b"]
        await b.answer("a", "b")
        assert b.server.order == ["a", "b", "a+b", "a"]


async def test_who_gives_up_in_the_queue_holds_up_nobody(bench: Make, settle: Make) -> None:
    async with bench(most=1) as b:
        await b.send("a")
        given_up = await b.send("b")
        await b.send("b")
        given_up.cancel()
        await settle()
        await b.answer("a")
        assert b.server.order == ["a", "b"]


async def test_who_gives_up_while_at_it_makes_room(bench: Make, settle: Make) -> None:
    async with bench(most=1) as b:
        given_up = await b.send("a")
        await b.send("a")
        given_up.cancel()
        await settle()
        assert b.server.order == ["a", "a"]


async def test_who_gives_up_in_the_moment_of_its_turn_makes_room(bench: Make, settle: Make) -> None:
    async with bench(most=1) as b:
        await b.send("a")
        given_up = await b.send("b")
        await b.send("c")
        b.server.answer("a")
        for _ in range(20):
            if b.paced.waiting == 1:
                break
            await asyncio.sleep(0)
        assert b.server.order == ["a"]
        given_up.cancel()
        await settle()
        assert b.server.order[-1] == "c"


async def test_a_fence_inside_is_asked_when_the_turn_has_come(bench: Make) -> None:
    async with bench(most=1) as b:
        asked: list[int] = []
        b.server.guard = lambda: asked.append(b.paced.running)
        await b.send("a")
        await b.send("b")
        assert asked == []
        await b.answer("a")
        assert asked == [1]


@given(sent=st.lists(st.sampled_from(["a", "b", "ab", "c"]), max_size=12), most=st.integers(1, 4), chance=st.randoms())
async def test_everyones_turn_comes_once_and_each_patients_in_order(
    sent: list[str], most: int, chance: object, bench: Make
) -> None:
    async with bench(most) as b:
        for patients in sent:
            await b.send(*patients)
        while b.server.held:
            key = chance.choice(sorted(b.server.held, key=sorted))  # type: ignore[attr-defined]
            await b.answer(*(name.removeprefix("urn:mrn|") for name in key))

        assert len(b.server.order) == len(sent)
        for patient in "abc":
            assert [x.replace("+", "") for x in b.server.order if patient in x] == [x for x in sent if patient in x]
