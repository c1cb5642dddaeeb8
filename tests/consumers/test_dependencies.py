"""A circuit opens when its dependency does not answer, and closes when it does."""

from __future__ import annotations

import asyncio
import logging

import pytest

from consumers.dependencies import Circuit, Circuits, Dependency
from medie_fhir.errors import FhirError, FhirUnauthorized, FhirUnavailable, ModelError, ModelUnavailable

SECRET = "https://fhir/Patient?name=Jones"


class Server:
    """Fails with this error, if any, when it is asked."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.asked = 0

    async def probe(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def circuit(server: Server) -> Circuit:
    return Circuit(Dependency("fhir", (FhirError,), server.probe, lambda: 0), first_s=0.001, longest_s=0.004)


async def test_a_dependency_that_answers_leaves_the_circuit_closed(server: Server, circuit: Circuit):
    await circuit.doubt()
    assert server.asked == 1
    assert circuit.waiting is None
    await circuit.closed()


async def test_a_cancellation_that_nobody_asked_for_neither_opens_a_circuit_nor_leaves_it_open(
    server: Server, circuit: Circuit
):
    server.error = asyncio.CancelledError()
    await circuit.doubt()
    assert circuit.waiting is None
    server.error = FhirUnavailable("503")
    await circuit.doubt()
    server.error = asyncio.CancelledError()
    async with asyncio.timeout(5):
        await circuit.closed()


async def test_an_outage_lasts_until_the_dependency_answers(server: Server, circuit: Circuit):
    server.error = FhirUnavailable("503")
    await circuit.doubt()
    assert circuit.waiting is not None
    assert circuit.waiting.dependency == "fhir"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await circuit.closed()
    assert server.asked > 2
    server.error = None
    async with asyncio.timeout(5):
        await circuit.closed()
    assert circuit.waiting is None


async def test_a_dependency_that_hangs_is_as_good_as_away(
    server: Server, circuit: Circuit, monkeypatch: pytest.MonkeyPatch
):
    async def hang() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("consumers.dependencies._PROBE_S", 0.01)
    hanging = Circuit(Dependency("fhir", (FhirError,), hang, lambda: 0))
    await hanging.doubt()
    assert hanging.waiting is not None
    await hanging.aclose()


async def test_many_who_doubt_at_once_ask_once(server: Server, circuit: Circuit):
    await asyncio.gather(*(circuit.doubt() for _ in range(20)))
    assert server.asked == 1


async def test_an_answer_that_a_person_must_act_on_is_no_outage(server: Server, circuit: Circuit):
    server.error = FhirUnauthorized("401")
    await circuit.doubt()
    assert circuit.waiting is None


async def test_a_fault_in_a_probe_does_not_end_the_stream_and_tells_only_its_class(
    server: Server, circuit: Circuit, caplog: pytest.LogCaptureFixture
):
    server.error = ValueError(SECRET)
    with caplog.at_level(logging.DEBUG):
        await circuit.doubt()
    assert circuit.waiting is None
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text


async def test_the_circuit_of_an_error_is_that_of_the_first_dependency_that_claims_it(server: Server):
    model = Dependency("model", (ModelError,), server.probe, lambda: 0)
    fhir = Dependency("fhir", (FhirError,), server.probe, lambda: 0)
    circuits = Circuits([model, fhir])
    assert circuits.of(FhirUnavailable("x")).dependency is fhir
    assert circuits.of(ModelUnavailable("x")).dependency is model
    assert circuits.of(ValueError()) is None


async def test_all_outages_are_named_and_waited_for(server: Server):
    other = Server()
    circuits = Circuits(
        [
            Dependency("model", (ModelError,), server.probe, lambda: 0),
            Dependency("fhir", (FhirError,), other.probe, lambda: 0),
        ],
        first_s=0.001,
        longest_s=0.004,
    )
    server.error, other.error = ModelUnavailable("x"), FhirUnavailable("x")
    await circuits.of(server.error).doubt()
    await circuits.of(other.error).doubt()
    assert {w.dependency for w in circuits.waiting} == {"model", "fhir"}
    server.error = None
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await circuits.closed()
    other.error = None
    async with asyncio.timeout(5):
        await circuits.closed()
    assert circuits.waiting == ()
    await circuits.aclose()


async def test_closing_ends_the_probes(server: Server, circuit: Circuit):
    server.error = FhirUnavailable("503")
    await circuit.doubt()
    await circuit.aclose()
    asked = server.asked
    await asyncio.sleep(0.02)
    assert server.asked == asked
