"""The adapters that a site may use: a YAML file that says of each where its files are and which bytes they must be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from medie_fhir.errors import SettingsError

__all__ = ["Adapter", "Registry", "load_registry"]

_SHOWN = 12  # hexadecimal digits of a digest, where a person reads it

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Adapter(BaseModel):
    """A LoRA adapter. ``base``: the model that it was trained on, as its server names it.

    ``learned``: whose questions it has learned, the ``adapter`` of a task file. ``origin`` (in the file ``from``) is a
    folder or a GGUF file, beside the registry or by its full path, ``hf://owner/name@revision`` or
    ``s3://bucket/prefix``. ``server_path`` is where the model server finds the same files, where it is elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    base: str = Field(min_length=1)
    learned: str = Field(min_length=1)
    origin: str = Field(min_length=1, alias="from")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    server_path: str | None = Field(default=None, min_length=1)

    @property
    def label(self) -> str:
        """Name and the beginning of the digest, as people read them."""
        return f"{self.name}@{self.sha256[:_SHOWN]}"

    @property
    def served_as(self) -> str:
        """The name at the model server. The digest is in it: what a request was asked of can't be exchanged."""
        return f"{self.name}-{self.sha256[:_SHOWN]}"


class Registry(BaseModel):
    """All adapters, by name. ``path``: the registry's file, beside which its journal is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    adapters: Mapping[Name, Adapter] = Field(min_length=1)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        served = [adapter.served_as for adapter in self.adapters.values()]
        if twice := sorted({name for name in served if served.count(name) > 1}):
            raise ValueError(f"several adapters would be served as {', '.join(twice)}")
        return self

    @property
    def journal(self) -> Path:
        """Where it is recorded which adapter came into use when."""
        return self.path.with_suffix(".journal.ndjson")

    def adapter(self, name: str) -> Adapter:
        """An adapter by its name. Raises SettingsError."""
        if name not in self.adapters:
            raise SettingsError(f"{self.path}: no adapter {name!r}; there are: {', '.join(sorted(self.adapters))}")
        return self.adapters[name]


def load_registry(path: Path) -> Registry:
    """The registry in a YAML file, ``adapters: {name: …}``. Raises SettingsError with all faults."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror or 'no such file'}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise SettingsError(f"{path}: is not YAML") from None
    if not isinstance(content, dict) or set(content) != {"adapters"} or not isinstance(content["adapters"], dict):
        raise SettingsError(f"{path}: must be `adapters:` and, by name, each adapter (docs/adapters.md)")
    named = {
        name: {"name": name, **said} if isinstance(said, dict) and "name" not in said else said
        for name, said in content["adapters"].items()
    }
    try:
        return Registry.model_validate({"path": path, "adapters": named})
    except ValidationError as error:
        faults = [(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors(include_input=False)]
        raise SettingsError("\n".join(f"{path}: {place}: {what}" for place, what in faults)) from None
