"""Which model a server says that it serves."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.adapters.openai_http import OpenAiHttp
from medie_fhir.errors import (
    ModelRefused,
)
from medie_fhir.ports import ModelDescription


async def test_vllm_is_described_by_its_lora_module_base_and_version(server: Any) -> None:
    server.says("/version", {"version": "0.11.0"})
    server.says(
        "/v1/models",
        {
            "data": [
                {"id": "base", "owned_by": "vllm", "root": "meta-llama/Llama-3.1-8B-Instruct", "parent": None},
                {"id": "medical-ie", "owned_by": "vllm", "root": "/adapters/medical-ie", "parent": "base"},
            ]
        },
    )
    async with OpenAiHttp(server.url, "medical-ie") as model:
        assert await model.describe() == ModelDescription(
            model="meta-llama/Llama-3.1-8B-Instruct", adapter="medical-ie", server="vllm 0.11.0"
        )


async def test_a_server_that_tells_no_version_is_described_without(server: Any) -> None:
    server.says("/v1/models", {"data": [{"id": "m", "owned_by": "somebody"}]})
    async with OpenAiHttp(server.url, "m") as model:
        assert await model.describe() == ModelDescription(model="m", server="somebody")


async def test_what_the_caller_knows_of_its_own_server_stands(server: Any) -> None:
    server.says("/v1/models", {"data": [{"id": "m"}]})
    known = ModelDescription("base", "lora", "d" * 64, "llama.cpp")
    async with OpenAiHttp(server.url, "m", known=known) as model:
        assert await model.describe() == known


@pytest.mark.parametrize("models", [{}, {"data": []}, {"data": [7]}, {"data": [{"id": "other"}]}])
async def test_a_server_without_our_model_refuses_us(server: Any, models: dict[str, Any]) -> None:
    server.says("/v1/models", models)
    async with OpenAiHttp(server.url, "medical-ie") as model:
        with pytest.raises(ModelRefused, match="no model 'medical-ie'"):
            await model.describe()
