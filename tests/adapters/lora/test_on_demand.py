"""What answers is the adapter of the registry, byte for byte, or nothing answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from medie_fhir.adapters.lora import LoraModules, OnDemand, Registry, verified
from medie_fhir.adapters.openai_http import OpenAiHttp
from medie_fhir.errors import DependencyMissing, ModelRefused
from medie_fhir.ports import ModelRequest

ASK = ModelRequest([{"role": "user", "content": "x"}], {}, 16)
Open = Callable[..., AbstractAsyncContextManager[OnDemand]]


@pytest.fixture
def opened(vllm: Any, registry: Registry) -> Open:
    @asynccontextmanager
    async def open_one(name: str = "first", files: Callable[[], Path] | None = None) -> AsyncIterator[OnDemand]:
        adapter = registry.adapter(name)
        async with OpenAiHttp(vllm.url, adapter.served_as) as client, LoraModules(vllm.url) as modules:
            yield OnDemand(client, adapter, modules, files or partial(verified, adapter, registry))

    return open_one


async def test_it_is_loaded_with_the_first_question_and_known_by_its_digest(
    vllm: Any, registry: Registry, opened: Open
) -> None:
    adapter = registry.adapter("first")
    async with opened() as model:
        assert vllm.loads == []
        await model.complete(ASK)
        await model.complete(ASK)
        described = await model.describe()
    assert vllm.loads == [adapter.served_as]
    assert vllm.modules[adapter.served_as] == str(registry.path.parent / "first")
    assert (described.model, described.adapter, described.adapter_digest) == (vllm.base, "first", adapter.sha256)


async def test_another_adapter_is_never_loaded(vllm: Any, registry: Registry, opened: Open) -> None:
    (registry.path.parent / "first" / "adapter_config.json").write_text("{}", encoding="utf-8")
    async with opened() as model:
        with pytest.raises(DependencyMissing):
            await model.complete(ASK)
    assert vllm.loads == []


async def test_what_is_exchanged_while_it_is_loaded_is_taken_out_again(
    vllm: Any, registry: Registry, opened: Open
) -> None:
    looks = 0

    def exchanged() -> Path:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise DependencyMissing("another")
        return registry.path.parent / "first"

    async with opened(files=exchanged) as model:
        with pytest.raises(DependencyMissing):
            await model.complete(ASK)
    assert (vllm.modules, vllm.asked) == ({}, [])


async def test_a_server_that_was_started_anew_is_given_it_again(vllm: Any, opened: Open) -> None:
    async with opened() as model:
        await model.complete(ASK)
        vllm.modules.clear()
        await model.complete(ASK)
        vllm.modules.clear()
        assert (await model.describe()).adapter == "first"
    assert len(vllm.loads) == 3


async def test_an_adapter_of_another_base_is_refused_and_told(vllm: Any, opened: Open) -> None:
    vllm.base = "org/other-8b"
    async with opened() as model:
        with pytest.raises(ModelRefused, match=r"trained on org/base-8b.*org/other-8b"):
            await model.describe()
