"""No adapter is given out whose bytes are not the registry's, wherever it comes from."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from medie_fhir.adapters.lora import Adapter, Registry, digest_of, verified
from medie_fhir.errors import DependencyMissing, SettingsError


def from_hub(registry: Registry, origin: str, sha256: str) -> Adapter:
    return registry.adapter("first").model_copy(update={"origin": origin, "sha256": sha256})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, add: Callable[..., Path]) -> ModuleType:
    """The hub's client, which isn't installed here, as far as it is used."""
    module = ModuleType("huggingface_hub")

    def snapshot_download(repository: str, *, revision: str, local_dir: Path) -> None:
        source = add(Path(local_dir) / "x", f"{repository} {revision}")
        for file in source.iterdir():
            file.rename(Path(local_dir) / file.name)
        source.rmdir()
        (Path(local_dir) / ".cache").mkdir()

    module.snapshot_download = snapshot_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    monkeypatch.setenv("MEDIE_HOME", str(tmp_path / "home"))
    return module


def test_a_whole_adapter_is_given_out(registry: Registry) -> None:
    assert verified(registry.adapter("first"), registry) == registry.path.parent / "first"


def test_one_changed_byte_is_told_and_nothing_given_out(registry: Registry) -> None:
    (registry.path.parent / "first" / "adapter_model.safetensors").write_text("weights of firsT", encoding="utf-8")
    with pytest.raises(DependencyMissing, match=r"first: .* is not what the registry says"):
        verified(registry.adapter("first"), registry)


def test_a_folder_that_is_not_there_is_told(registry: Registry) -> None:
    with pytest.raises(DependencyMissing, match="is not there"):
        verified(registry.adapter("first").model_copy(update={"origin": "nowhere"}), registry)


def test_from_the_hub_it_is_fetched_once_and_verified_each_time(
    hub: ModuleType, registry: Registry, tmp_path: Path, add: Callable[..., Path]
) -> None:
    sha256 = digest_of(add(tmp_path / "same", "org/lora abc"))
    adapter = from_hub(registry, "hf://org/lora@abc", sha256)
    path = verified(adapter, registry)
    assert path == tmp_path / "home" / "adapters" / adapter.served_as
    del hub.snapshot_download  # a second time would fail
    assert verified(adapter, registry) == path
    (path / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DependencyMissing, match="is not what the registry says"):
        verified(adapter, registry)


def test_what_the_hub_gives_and_is_another_is_not_kept(hub: ModuleType, registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(DependencyMissing, match="is not what the registry says"):
        verified(from_hub(registry, "hf://org/lora@abc", "0" * 64), registry)
    assert list((tmp_path / "home" / "adapters").iterdir()) == []


@pytest.mark.usefixtures("hub")
def test_a_hubs_revision_must_be_named(registry: Registry) -> None:
    with pytest.raises(SettingsError, match="name the revision"):
        verified(from_hub(registry, "hf://org/lora", "0" * 64), registry)


@pytest.mark.parametrize(
    ("origin", "module", "told"),
    [
        ("hf://org/lora@abc", "huggingface_hub", "pip install huggingface_hub"),
        ("s3://bucket/lora", "botocore.session", r"pip install 'medie-fhir\[aws\]'"),
    ],
)
def test_without_its_package_it_is_said_what_to_install(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, origin: str, module: str, told: str
) -> None:
    monkeypatch.setenv("MEDIE_HOME", str(registry.path.parent / "home"))
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DependencyMissing, match=told):
        verified(from_hub(registry, origin, "0" * 64), registry)


def test_from_a_bucket_all_under_the_prefix_is_fetched(registry: Registry, bucket: Any, tmp_path: Path) -> None:
    bucket.objects = {"lora/a b.json": b"{}", "lora/b/c": b"w", "lora/b/": b"", "lora-2/d": b"not ours"}
    (tmp_path / "same" / "b").mkdir(parents=True)
    (tmp_path / "same" / "a b.json").write_bytes(b"{}")
    (tmp_path / "same" / "b" / "c").write_bytes(b"w")
    path = verified(from_hub(registry, "s3://bucket/lora", digest_of(tmp_path / "same")), registry)
    assert sorted(file.name for file in path.rglob("*") if file.is_file()) == ["a b.json", "c"]


def test_a_key_leads_to_nowhere_but_the_folder(registry: Registry, bucket: Any, tmp_path: Path) -> None:
    bucket.objects = {"lora/../../../evil": b"x"}
    with pytest.raises(DependencyMissing, match="leads out of its folder"):
        verified(from_hub(registry, "s3://bucket/lora/", "0" * 64), registry)
    assert not list(tmp_path.rglob("evil"))


def test_a_bucket_that_lets_nobody_in_or_is_not_there_is_told(
    registry: Registry, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DependencyMissing, match="s3://other/lora can't be fetched: NoSuchBucket"):
        verified(from_hub(registry, "s3://other/lora", "0" * 64), registry)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with pytest.raises(DependencyMissing, match="s3://bucket/lora can't be fetched: AccessDenied"):
        verified(from_hub(registry, "s3://bucket/lora", "0" * 64), registry)
