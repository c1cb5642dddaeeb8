"""An adapter of the registry on a real vLLM: loaded on demand, known by its digest, and loaded again once forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medie_fhir.adapters.lora import Adapter, LoraModules, OnDemand, digest_of
from medie_fhir.errors import ModelRefused
from medie_fhir.ports import ModelRequest

ADAPTER = Path(__file__).parents[3] / "models" / "medical-ie-smollm2-135m"
ASK = ModelRequest(
    [{"role": "user", "content": "Say yes."}],
    {"type": "object", "properties": {"a": {"enum": ["yes"]}}, "required": ["a"], "additionalProperties": False},
    16,
)


@pytest.mark.vllm
async def test_a_real_vllm_loads_the_registrys_adapter_on_demand_and_again_once_it_has_forgotten_it(vllm: Any) -> None:
    async with vllm.client() as by_name:
        base = (await by_name.describe()).model
    said = {"name": "registry-test", "base": base, "learned": "medical-ie", "from": str(ADAPTER)}
    adapter = Adapter.model_validate({**said, "sha256": digest_of(ADAPTER)})
    async with vllm.client(name=adapter.served_as) as client, LoraModules(vllm.url) as modules:
        try:
            model = OnDemand(client, adapter, modules, lambda: ADAPTER)
            assert adapter.served_as not in await modules.names()
            assert json.loads((await model.complete(ASK)).text) == {"a": "yes"}
            described = await model.describe()
            assert (described.adapter, described.adapter_digest) == (adapter.name, adapter.sha256)
            await modules.unload(adapter.served_as)
            assert json.loads((await model.complete(ASK)).text) == {"a": "yes"}
            assert adapter.served_as in await modules.names()
        finally:
            await modules.unload(adapter.served_as)
        with pytest.raises(ModelRefused):
            await modules.load("nowhere", "/nowhere/at/all")
