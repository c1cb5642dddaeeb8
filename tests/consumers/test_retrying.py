"""Whose fault a failure is, how long to wait, and how many dead letters are too many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumers.dependencies import Dependency
from consumers.retrying import Burst, RetryOptions, Tries
from medie_fhir.errors import FhirError, FhirThrottled, FhirUnavailable, ModelUnavailable


async def answers() -> None:
    """A probe."""


class Server:
    def __init__(self) -> None:
        self.worked = 0
        self.dependency = Dependency("fhir", (FhirError,), answers, lambda: self.worked)


def test_a_failure_is_the_records_own_where_its_dependency_worked_since_its_last():
    server, tries = Server(), Tries()
    for worked, own in ((5, 0), (5, 0), (6, 1), (6, 1), (9, 2)):
        server.worked = worked
        tries.failed(FhirUnavailable("503"), [server.dependency])
        assert tries.own == own


def test_being_throttled_is_never_ones_own_fault_and_having_no_dependency_always_is():
    server, tries = Server(), Tries()
    for worked in range(3):
        server.worked = worked
        tries.failed(FhirThrottled("429"), [server.dependency])
    assert tries.own == 0
    tries.failed(ModelUnavailable("503"), [server.dependency])
    assert tries.own == 1


@given(waits=st.integers(0, 2000), retry_after=st.none() | st.floats(0, allow_nan=False))
def test_a_wait_is_within_its_bounds_and_no_shorter_than_the_server_asks(waits: int, retry_after: float | None):
    options, tries = RetryOptions(), Tries(waits=waits)
    wait = tries.wait_s(FhirThrottled("429", retry_after), options)
    assert options.initial_s / 2 <= wait <= max(options.max_s, options.longest_retry_after_s)
    if retry_after is not None:
        assert wait >= min(retry_after, options.longest_retry_after_s)
    assert tries.waits == waits + 1


def test_a_burst_looks_at_the_last_hundred_records():
    burst = Burst(50)
    for number in range(98):
        burst.finished(number % 2 == 0)
    assert not burst.over
    burst.finished(True)
    assert burst.over
    for _ in range(3):
        burst.finished(False)
    assert not burst.over
    assert burst.records == 100


def test_no_limit_is_no_limit():
    burst = Burst(0)
    for _ in range(200):
        burst.finished(True)
    assert not burst.over
