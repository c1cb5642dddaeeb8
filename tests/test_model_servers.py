"""Which adapter is asked: the settings' own, or what the registry's journal has in use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medie_fhir.adapters.lora import Journal, Pinned, Registry
from medie_fhir.adapters.model_files import ADAPTER, BASE, locate
from medie_fhir.configuration import Configuration
from medie_fhir.errors import DependencyMissing, SettingsError
from medie_fhir.model_servers import adapter_in_use, check_learned, open_model, registry_of
from medie_fhir.ports import ModelRequest
from medie_fhir.settings import Settings

SAID = {"who": "ada", "why": "measured", "at": "2026-01-02T03:04:05Z"}


def settings_of(registry: Registry, **model: Any) -> Settings:
    return Settings.model_validate({"model": {"adapters": registry.path, **model}})


def use(registry: Registry, name: str) -> None:
    Journal(registry.journal).promote(Pinned(name=name, sha256=registry.adapter(name).sha256), **SAID)


async def test_until_one_is_promoted_the_server_is_asked_by_the_settings_name(registry: Registry, vllm: Any) -> None:
    settings = settings_of(registry, base_url=vllm.url, name="by-name")
    vllm.modules["by-name"] = "/elsewhere"
    async with open_model(settings) as model:
        assert (await model.describe()).adapter == "by-name"
    use(registry, "second")
    async with open_model(settings) as model:
        assert (await model.describe()).adapter_digest == registry.adapter("second").sha256


async def test_an_answer_that_was_kept_is_of_the_very_adapter(registry: Registry, vllm: Any, tmp_path: Path) -> None:
    settings = settings_of(registry, base_url=vllm.url, cache=tmp_path / "kept")
    ask, cached = ModelRequest([{"role": "user", "content": "x"}], {}, 16), []
    for name in ("first", "second"):
        use(registry, name)
        for _ in range(2):
            async with open_model(settings) as model:
                cached.append((await model.complete(ask)).cached)
    assert cached == [False, True, False, True]


def test_what_an_adapter_has_learned_is_asked_before_it_is(registry: Registry, vllm: Any) -> None:
    settings = settings_of(registry, base_url=vllm.url)
    cardiology = Configuration(Settings(task="cardiology", mapping="cardiology")).task
    check_learned(settings, cardiology)  # of model.name nobody knows
    use(registry, "first")
    with pytest.raises(SettingsError, match="'medical-ie', and the task cardiology asks those of 'cardiology-ie'"):
        check_learned(settings, cardiology)
    check_learned(settings, Configuration(settings).task)


def test_without_a_registry_none_is_in_use_and_none_is_found() -> None:
    assert adapter_in_use(Settings()) is None
    with pytest.raises(SettingsError, match=r"model\.adapters"):
        registry_of(Settings())


def registry_of_the_embedded(tmp_path: Path, **changed: str) -> Settings:
    path, file = tmp_path / "adapters.yaml", locate(ADAPTER.name)
    base = Path(BASE.file).stem
    said = {"base": base, "learned": "medical-ie", "from": str(file), "sha256": ADAPTER.sha256} | changed
    path.write_text(json.dumps({"adapters": {"shipped": said}}), encoding="utf-8")
    settings = Settings.model_validate({"model": {"adapters": path}})
    use(registry_of(settings), "shipped")
    return settings


@pytest.mark.model
async def test_the_embedded_model_is_started_with_the_adapter_in_use(tmp_path: Path) -> None:
    async with open_model(registry_of_the_embedded(tmp_path)) as model:
        described = await model.describe()
    assert (described.adapter, described.adapter_digest) == ("shipped", ADAPTER.sha256)


@pytest.mark.model
async def test_the_embedded_model_takes_no_other_bytes_and_no_adapter_of_another_base(tmp_path: Path) -> None:
    with pytest.raises(DependencyMissing, match="is not what the registry says"):
        async with open_model(registry_of_the_embedded(tmp_path, sha256="0" * 64)):
            pass
    (tmp_path / "other").mkdir()
    with pytest.raises(SettingsError, match="was trained on org/other"):
        async with open_model(registry_of_the_embedded(tmp_path / "other", base="org/other")):
            pass
