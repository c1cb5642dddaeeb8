"""The trace goes with the work, through tasks, and never as what it should not be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.telemetry import Silent, Together, passing_on, trace_headers

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


def parent(letter: str) -> str:
    return f"00-{letter * 32}-{letter * 16}-01"


def test_outside_of_a_trace_there_is_nothing_to_send_on() -> None:
    assert trace_headers() == {}


def test_the_silent_listener_passes_a_trace_on_as_it_came_and_nothing_else() -> None:
    came = {"traceparent": PARENT, "tracestate": "site=1", "authorization": "secret"}
    with Silent().record("extract", came):
        assert trace_headers() == {"traceparent": PARENT, "tracestate": "site=1"}
    assert trace_headers() == {}


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        PARENT + "\r\nX-Evil: 1",
        PARENT + "\n",
        PARENT.upper(),
        PARENT.replace("a", "0"),
        PARENT.replace("b", "0"),
        "ff" + PARENT[2:],
        "Mrs Miller",
    ],
)
def test_a_parent_that_is_none_is_sent_to_nobody(malformed: str) -> None:
    with passing_on({"traceparent": malformed, "tracestate": "site=1"}):
        assert trace_headers() == {}


@given(st.text(), st.text())
def test_whatever_a_record_brings_fits_into_a_header(trace_parent: str, state: str) -> None:
    for came in ({"traceparent": trace_parent, "tracestate": state}, {"traceparent": PARENT, "tracestate": state}):
        with passing_on(came):
            assert all(value.isascii() and value.isprintable() for value in trace_headers().values())


async def test_each_task_has_its_own_trace() -> None:
    met = asyncio.Barrier(2)

    async def work(letter: str) -> Mapping[str, str]:
        with passing_on({"traceparent": parent(letter)}):
            await met.wait()
            return trace_headers()

    one, other = await asyncio.gather(work("a"), work("b"))
    assert (one, other) == ({"traceparent": parent("a")}, {"traceparent": parent("b")})


async def test_a_task_that_the_work_starts_is_of_its_trace() -> None:
    async def part() -> Mapping[str, str]:
        return trace_headers()

    with passing_on({"traceparent": PARENT}):
        assert await asyncio.create_task(part()) == {"traceparent": PARENT}


class Hearing(Silent):
    def __init__(self, name: str, heard: list[str], headers: Mapping[str, str] | None = None) -> None:
        self.name, self.heard, self.headers = name, heard, headers

    @contextmanager
    def record(self, stage: str, headers: Mapping[str, str]) -> Iterator[None]:
        self.heard.append(f"{self.name} begins {stage}")
        with passing_on(self.headers or headers):
            yield
        self.heard.append(f"{self.name} ends {stage}")

    @contextmanager
    def station(self, name: str) -> Iterator[None]:
        self.heard.append(f"{self.name} at {name}")
        yield

    def tokens(self, prompt: int, completion: int) -> None:
        self.heard.append(f"{self.name} counts {prompt}+{completion}")


def test_together_all_hear_and_the_last_has_the_last_word_on_the_headers() -> None:
    heard: list[str] = []
    both = Together(Hearing("a", heard), Hearing("b", heard, {"traceparent": parent("b")}))
    with both.record("extract", {"traceparent": PARENT}):
        assert trace_headers() == {"traceparent": parent("b")}
        with both.station("document"):
            both.tokens(3, 4)
    assert heard == [
        *("a begins extract", "b begins extract"),
        *("a at document", "b at document"),
        *("a counts 3+4", "b counts 3+4"),
        *("b ends extract", "a ends extract"),
    ]
    assert trace_headers() == {}


def test_together_an_error_goes_through_all() -> None:
    both = Together(Silent(), Silent())
    with pytest.raises(KeyError), both.record("extract", {}), both.station("document"):
        raise KeyError
