"""The embedded model, once for all tests that run it; and every kind of FHIR server, for one suite over all."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from medie_fhir.adapters.fhir_http import FhirHttp
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.adapters.fhir_write import WritesSingly
from medie_fhir.adapters.llama_cpp import LlamaCpp
from medie_fhir.adapters.model_files import ADAPTER, locate, pull


@pytest.fixture(scope="session")
def embedded_model() -> Iterator[LlamaCpp]:
    """A running embedded server. The base model is fetched where this machine has none."""
    with LlamaCpp(pull(), locate(ADAPTER.name)) as server:
        yield server


@dataclass(frozen=True)
class Target:
    """A FHIR server under test. ``tag`` makes ids and identifiers that no earlier test used, for servers that keep."""

    server: WritesSingly
    tag: str

    def id(self, name: str) -> str:
        return f"{name}-{self.tag}"


_KINDS = ["twin in memory", "twin in a file", "twin over HTTP", pytest.param("real HAPI", marks=pytest.mark.fhir)]


@pytest.fixture(params=_KINDS)
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Target]:
    """Each kind of FHIR server in turn (docs/fhir-server.md)."""
    async with AsyncExitStack() as stack:
        server: WritesSingly
        if request.param == "real HAPI":
            server = await stack.enter_async_context(FhirHttp(request.getfixturevalue("fhir_address")))
        elif request.param == "twin over HTTP":
            served = stack.enter_context(FhirTwinServer(stack.enter_context(FhirTwin())))
            server = await stack.enter_async_context(FhirHttp(served.base_url))
        else:
            path = tmp_path / "twin.sqlite" if request.param == "twin in a file" else None
            server = stack.enter_context(FhirTwin(path))
        yield Target(server, uuid.uuid4().hex[:12])


@pytest.fixture
def twin() -> Iterator[FhirTwin]:
    """A twin in memory, empty."""
    with FhirTwin() as twin:
        yield twin
