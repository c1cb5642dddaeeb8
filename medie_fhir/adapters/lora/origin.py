"""An adapter's files on this machine: found or fetched, and never given out unless they are the registry's bytes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from medie_fhir.adapters.lora.digest import digest_of
from medie_fhir.adapters.lora.registry import Adapter, Registry
from medie_fhir.adapters.model_files import home
from medie_fhir.errors import DependencyMissing, SettingsError

__all__ = ["at_hand", "verified"]

_HUB, _BUCKET = "hf://", "s3://"
_SHOWN = 12


def verified(adapter: Adapter, registry: Registry) -> Path:
    """The adapter's file or folder, of which every byte was just read and compared.

    What lies elsewhere is fetched once, into ``$MEDIE_HOME/adapters``. Raises DependencyMissing where it can't be had
    or is another, SettingsError for an origin that is none.
    """
    kept = at_hand(adapter, registry)
    if not kept.exists():
        if not _is_far(adapter):
            raise DependencyMissing(f"{adapter.name}: {kept} is not there")
        _fetch(adapter, kept)
    _check(adapter, kept)
    return kept


def at_hand(adapter: Adapter, registry: Registry) -> Path:
    """Where its files are on this machine, or would be once they are fetched. Nothing is looked at."""
    if not _is_far(adapter):
        return (registry.path.parent / adapter.origin).absolute()
    return home() / "adapters" / adapter.served_as


def _is_far(adapter: Adapter) -> bool:
    return adapter.origin.startswith((_HUB, _BUCKET))


def _check(adapter: Adapter, path: Path) -> None:
    try:
        found = digest_of(path)
    except OSError as error:
        raise DependencyMissing(f"{adapter.name}: {path} can't be read: {error.strerror}") from None
    if found != adapter.sha256:
        raise DependencyMissing(
            f"{adapter.name}: {path} is not what the registry says: its SHA-256 is {found[:_SHOWN]}…,"
            f" that of the registry {adapter.sha256[:_SHOWN]}…"
        )


def _fetch(adapter: Adapter, into: Path) -> None:
    """Fetch aside, and move into place once it is whole: what a broken download left is never taken for an adapter."""
    fetched = _from_hub if adapter.origin.startswith(_HUB) else _from_bucket
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=into.parent) as folder:
            fresh = Path(folder, "adapter")
            fresh.mkdir()
            _told(adapter, fetched, fresh)
            shutil.rmtree(fresh / ".cache", ignore_errors=True)  # the hub's own notes
            _check(adapter, fresh)
            fresh.replace(into)
    except OSError as error:
        if not into.exists():  # else another process has fetched it meanwhile
            raise DependencyMissing(f"{adapter.name}: can't be put at {into}: {error.strerror or error}") from None


def _told(adapter: Adapter, fetched: Callable[[str, Path], None], fresh: Path) -> None:
    try:
        fetched(adapter.origin, fresh)
    except (DependencyMissing, SettingsError):
        raise
    except Exception as error:
        raise DependencyMissing(f"{adapter.name}: {adapter.origin} can't be fetched: {type(error).__name__}") from error


def _from_hub(origin: str, into: Path) -> None:
    """``hf://owner/name@revision``. The login, mirror and proxy are those of ``huggingface_hub``'s own variables."""
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - optional
    except ImportError:
        raise DependencyMissing(
            f"{origin}: needs huggingface_hub: pip install huggingface_hub, or name a folder"
        ) from None
    repository, _, revision = origin.removeprefix(_HUB).partition("@")
    if not revision:
        raise SettingsError(f"{origin}: name the revision: {_HUB}owner/name@revision")
    snapshot_download(repository, revision=revision, local_dir=into)


def _from_bucket(origin: str, into: Path) -> None:
    """``s3://bucket/prefix``. Login, endpoint and proxy are those of AWS's own variables and files."""
    try:
        from botocore.session import get_session  # noqa: PLC0415 - the extra aws
    except ImportError:
        raise DependencyMissing(f"{origin}: needs botocore: pip install 'medie-fhir[aws]', or name a folder") from None
    bucket, _, prefix = origin.removeprefix(_BUCKET).partition("/")
    prefix = f"{prefix.rstrip('/')}/"
    client = get_session().create_client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            name = entry["Key"].removeprefix(prefix)
            if not name or name.endswith("/"):
                continue
            file = into / name
            if not file.resolve().is_relative_to(into.resolve()):  # a key may hold "../"
                raise DependencyMissing(f"{origin}: holds a key that leads out of its folder")
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as out:
                shutil.copyfileobj(client.get_object(Bucket=bucket, Key=entry["Key"])["Body"], out)
