"""Secrets in files of their own, as Docker and Kubernetes mount them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, SecretStr

from medie_fhir.errors import SettingsError

__all__ = ["secret_variables", "with_secrets_of_files"]


def secret_variables(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    """The environment variables of secrets that may be given as a file: the variable's name and ``_FILE``.

    Where there is a setting of that very name (``fhir.auth.token_file``), that setting it is.
    """
    for name, field in model.model_fields.items():
        here, kind = (*path, name), field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from secret_variables(kind, here)
        elif SecretStr in (kind, *get_args(kind)) and f"{name}_file" not in model.model_fields:
            yield f"MEDIE_{'__'.join(here).upper()}"


def with_secrets_of_files(model: type[BaseModel], given: Mapping[str, str | None]) -> dict[str, str | None]:
    """The environment, as if the secrets in files stood there. Raises SettingsError with all that can't be read."""
    found, faults = dict(given), []
    for variable in secret_variables(model):
        file = found.pop(f"{variable}_FILE".lower(), None)
        if file is None:
            continue
        if variable.lower() in given:
            faults.append(f"{variable}_FILE: is set beside {variable}: one of the two is needed")
            continue
        try:
            secret = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a name that no file can have
            faults.append(f"{variable}_FILE: {file}: can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}")
            continue
        if not secret:
            faults.append(f"{variable}_FILE: {file}: is empty")
        found[variable.lower()] = secret
    if faults:
        raise SettingsError("\n".join(faults))
    return found
