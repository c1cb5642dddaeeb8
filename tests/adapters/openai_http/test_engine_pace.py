"""A model server is kept busy, and its queue short."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.engine_pace import NO_LOAD, EnginePace, Load, QueueLaw, load_of
from medie_fhir.adapters.openai_http import OpenAiHttp
from medie_fhir.errors import ModelUnavailable
from medie_fhir.ports import ModelRequest

METRICS = """
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="base"} 12.0
vllm:num_requests_running{engine="1",model_name="base"} 10.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="base"} 3.0
vllm:num_requests_waiting{engine="1",model_name="base"} 1e+0
vllm:num_requests_waiting_by_reason{engine="0",model_name="base",reason="capacity"} 99.0
"""


def test_the_load_of_all_engines_is_read() -> None:
    assert load_of(METRICS) == Load(running=22, waiting=4)


@pytest.mark.parametrize("metrics", ["", "<html>", "llamacpp:requests_processing 1", "vllm:num_requests_running 1.0"])
def test_what_is_not_vllm_s_metrics_tells_no_load(metrics: str) -> None:
    assert load_of(metrics) is NO_LOAD


def settled(law: QueueLaw, capacity: int, readings: int = 150) -> list[Load]:
    """What an engine of so many places says at each reading, while we send all that we may and it answers some."""
    seen = []
    for number in range(readings):
        load = Load(min(law.limit, capacity), max(0, law.limit - capacity))
        law.read(load, law.limit, number)
        seen.append(load)
    return seen


@given(capacity=st.integers(1, 200), most=st.integers(1, 400))
def test_an_engine_is_filled_soon_and_its_queue_stays_short(capacity: int, most: int) -> None:
    law = QueueLaw(most)
    loads = settled(law, capacity)
    reached = min(capacity, most)
    for load in loads[-10:]:
        assert load.running >= 0.79 * reached - 1
        assert load.waiting <= capacity / 4 + 3
    assert max(load.waiting for load in loads) <= max(1.5 * capacity + 2, 4)


@given(most=st.integers(1, 64), loads=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))))
def test_the_limit_is_from_one_to_the_most(most: int, loads: list[tuple[int, int, int]]) -> None:
    law = QueueLaw(most)
    for running, waiting, ours in loads:
        law.read(Load(running, waiting), ours, ours)
        assert 1 <= law.limit <= most


OVERLOAD = Load(running=1, waiting=7)


def test_one_overload_is_cut_once() -> None:
    law = QueueLaw(8)
    for answered in range(3):
        law.read(OVERLOAD, 4, answered)
    cut = law.limit
    for answered in range(3, 9):
        law.read(OVERLOAD, 4, answered)  # those that were sent before are still there
    assert cut < 4
    assert law.limit >= cut


def test_a_burst_is_no_overload() -> None:
    """The engine is in the midst of a long step, or has just begun another."""
    law = QueueLaw(4)
    for _ in range(9):
        law.read(OVERLOAD, 4, 5)  # nothing is answered, for longer than it takes to read often
    law.read(Load(running=4, waiting=0), 4, 5)
    for answered in (6, 7):
        law.read(OVERLOAD, 4, answered)
    assert law.limit == 4


def test_a_limit_that_nobody_tried_stays() -> None:
    law = QueueLaw(8)
    law.read(Load(running=1, waiting=0), 1, 1)
    assert law.limit == 4


def test_two_consumers_of_one_server_come_to_equal_shares() -> None:
    early, late = QueueLaw(64), QueueLaw(64)
    settled(early, 32)
    for number in range(1500):
        both = early.limit + late.limit
        load = Load(min(both, 32), max(0, both - 32))
        early.read(load, early.limit, number)
        late.read(load, late.limit, number)
    assert abs(early.limit - late.limit) <= 4
    assert 25 <= early.limit + late.limit <= 46


async def test_a_server_that_tells_no_load_gets_as_many_as_set() -> None:
    asked = 0

    async def ask() -> Load:
        nonlocal asked
        asked += 1
        return NO_LOAD

    pace, gate = EnginePace(16, ask, seconds=0.0), asyncio.Event()
    running = 0

    async def work() -> None:
        nonlocal running
        async with pace.turn():
            running += 1
            if running == 16:
                gate.set()
            await gate.wait()

    async with asyncio.timeout(10):
        await asyncio.gather(*(work() for _ in range(16)))
    await pace.aclose()
    assert asked == 1


async def test_turns_come_in_the_order_of_arrival_and_one_that_is_given_up_holds_up_nobody() -> None:
    async def ask() -> None:
        return None

    pace, order, begun, gate = EnginePace(1, ask), [], asyncio.Event(), asyncio.Event()

    async def work(number: int) -> None:
        async with pace.turn():
            order.append(number)
            begun.set()
            await gate.wait()

    tasks = [asyncio.create_task(work(n)) for n in range(4)]
    await begun.wait()
    tasks[1].cancel()
    gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 2, 3]


async def test_the_metrics_of_a_server_are_read_while_it_works(server: Any) -> None:
    server.says("/v1/chat/completions", None)
    server.says("/metrics", (200, b"vllm:num_requests_running 4\nvllm:num_requests_waiting 0\n"))
    async with OpenAiHttp(server.url, "m", timeout=3.0, concurrency=8, attempts=1) as model:
        assert model.limit == 4
        with pytest.raises(ModelUnavailable):
            await asyncio.gather(*(model.complete(ModelRequest([], {}, 1)) for _ in range(4)))
        assert model.limit == 8


async def test_an_answer_that_may_be_longer_may_take_longer(server: Any) -> None:
    server.says("/v1/chat/completions", None)
    async with OpenAiHttp(server.url, "m", timeout=0.1, per_token=0.01) as model:
        with pytest.raises(ModelUnavailable, match=r"within 0\.3 s"):
            await model.complete(ModelRequest([], {}, 20))
