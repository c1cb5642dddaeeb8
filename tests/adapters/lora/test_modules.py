"""Modules of a server that runs are loaded and forgotten, once each."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.adapters.lora import LoraModules
from medie_fhir.errors import ModelRefused, ModelUnavailable


async def test_a_module_is_loaded_once_and_forgotten_once(vllm: Any) -> None:
    async with LoraModules(vllm.url) as modules:
        await modules.load("ie-1", "/adapters/ie")
        await modules.load("ie-1", "/adapters/ie")
        assert await modules.names() == {vllm.base, "ie-1"}
        assert vllm.loads == ["ie-1"]
        await modules.unload("ie-1")
        await modules.unload("ie-1")
        assert await modules.names() == {vllm.base}


async def test_a_server_that_may_not_load_says_what_to_start_it_with(vllm: Any) -> None:
    vllm.refuses_loads = True
    async with LoraModules(vllm.url) as modules:
        with pytest.raises(ModelRefused, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
            await modules.load("ie-1", "/adapters/ie")


async def test_a_server_that_is_away_is_waited_for() -> None:
    async with LoraModules("http://127.0.0.1:1") as modules:
        with pytest.raises(ModelUnavailable, match="not reachable"):
            await modules.names()
