"""A model server that counts, and a cache before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from medie_fhir.adapters.cached_model import CachedModel
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest, Token

Make = Callable[..., Any]


ANSWER = ModelAnswer('{"cancer_type": "Ω melanoma"}', "stop", (Token("{", -0.5), Token("Ω", -1e-9)), 7, 3)


SERVED = ModelDescription("base", "medical-ie", "d1g35t", "vllm 1")


class Counting:
    """A model server that counts how often it is asked."""

    def __init__(self, answer: ModelAnswer = ANSWER) -> None:
        self.answer = answer
        self.served = SERVED
        self.asked = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked += 1
        self.meanwhile()
        return self.answer

    async def describe(self) -> ModelDescription:
        return self.served


@asynccontextmanager
async def caching(server: Counting, folder: Path, mebibytes: int = 1) -> AsyncIterator[CachedModel]:
    model = CachedModel(server, folder, mebibytes=mebibytes)
    try:
        yield model
    finally:
        await model.aclose()


@pytest.fixture(scope="session", name="caching")
def given_caching() -> Make:
    """Opens a cache in a folder."""
    return caching


@pytest.fixture(scope="session", name="counting")
def given_counting() -> Make:
    """The class of servers that count."""
    return Counting
