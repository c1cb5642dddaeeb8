"""A twin behind HTTP that answers by a script where a test has one, and a client of it that waits for nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from medie_fhir.adapters.fhir_http import FhirHttp, Patience
from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer, Request

Make = Callable[..., Any]


class Script:
    """Gives its answers one after the other; None, and whatever comes after the last, is for the twin."""

    def __init__(self, *answers: Answer | Callable[[], Answer | None] | None) -> None:
        self.answers = list(answers)
        self.seen: list[Request] = []

    def __call__(self, request: Request) -> Answer | None:
        self.seen.append(request)
        answer = self.answers.pop(0) if self.answers else None
        return answer() if callable(answer) else answer


class Waits:
    """Takes the place of sleep: keeps how long it was asked to wait, and doesn't."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def against(script: Script, *, patience: Patience | None = None, **options: object) -> AsyncIterator[FhirHttp]:
    options.setdefault("sleep", Waits())
    with FhirTwin() as twin, FhirTwinServer(twin, fault=script) as server:
        async with FhirHttp(server.base_url, patience=patience or Patience(timeout=10), **options) as client:  # type: ignore[arg-type]
            yield client


@pytest.fixture(scope="session", name="against")
def given_against() -> Make:
    """A client of a twin that answers by a script first."""
    return against


@pytest.fixture(scope="session", name="scripted")
def given_scripted() -> Make:
    """The class of scripts."""
    return Script


@pytest.fixture(scope="session", name="new_waits")
def given_new_waits() -> Make:
    """The class of what stands in for sleep."""
    return Waits
