"""What came of asking is counted; a server that isn't required holds nobody up."""

from __future__ import annotations

import logging

import pytest

from medie_fhir.adapters.terminology_watched import WatchedTerminology
from medie_fhir.errors import TerminologyError, TerminologyRefused, TerminologyRejected, TerminologyUnavailable
from medie_fhir.model import Concept

VALUE = "qwolvarcoma"


class Server:
    """Knows one value, or fails."""

    def __init__(self) -> None:
        self.error: TerminologyError | None = None
        self.asked = 0

    async def code(self, field: str, value: str) -> Concept | None:
        del field
        self.asked += 1
        if self.error is not None:
            raise self.error
        return Concept("s|c") if value == "known" else None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_values_are_counted_by_what_became_of_them():
    server = Server()
    watched = WatchedTerminology(server)
    assert await watched.code("f", "known") == Concept("s|c")
    assert await watched.code("f", VALUE) is None
    server.error = TerminologyUnavailable("away")
    with pytest.raises(TerminologyUnavailable):
        await watched.code("f", VALUE)
    assert watched.answers == {"coded": 1, "unknown": 1, "unanswered": 1}


@pytest.mark.parametrize("kind", [TerminologyUnavailable, TerminologyRejected, TerminologyRefused])
async def test_where_it_is_not_required_a_failure_is_no_code_and_is_counted_and_logged(kind, caplog):
    server = Server()
    server.error = kind("away")
    watched = WatchedTerminology(server, required=False)
    with caplog.at_level(logging.WARNING):
        assert await watched.code("f", VALUE) is None
    assert watched.answers["unanswered"] == 1
    assert kind.__name__ in caplog.text
    assert VALUE not in caplog.text


async def test_a_value_that_it_refuses_keeps_it_from_no_other():
    server = Server()
    server.error = TerminologyRejected("no")
    watched = WatchedTerminology(server, required=False)
    assert await watched.code("f", VALUE) is None
    server.error = None
    assert await watched.code("f", "known") == Concept("s|c")


async def test_where_it_is_not_required_it_is_left_alone_for_a_while_after_a_failure(caplog):
    server, clock = Server(), Clock()
    server.error = TerminologyUnavailable("away")
    watched = WatchedTerminology(server, required=False, now=clock)
    for _ in range(5):
        assert await watched.code("f", "known") is None
    assert (server.asked, watched.answers["unanswered"], len(caplog.records)) == (1, 5, 1)
    server.error, clock.now = None, 30.0
    assert await watched.code("f", "known") == Concept("s|c")
