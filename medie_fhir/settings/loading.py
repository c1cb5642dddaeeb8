"""The settings from the environment and one YAML file; whatever is wrong with them is told at once, without a value."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError as Unreadable

from medie_fhir.errors import SettingsError
from medie_fhir.settings.root import Settings

__all__ = ["load_settings"]


def load_settings(file: Path | None = None) -> Settings:
    """The settings from the environment and, where given, a YAML file. Raises SettingsError with all faults."""
    values: Any = {}
    if file is not None:
        try:
            values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except OSError as error:
            raise SettingsError(f"{file}: can't be read: {error.strerror}") from None
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            raise SettingsError(f"{file}: is not YAML") from None
        if not isinstance(values, dict):
            raise SettingsError(f"{file}: must be a YAML mapping of settings (see docs/settings.md)")
        if unknown := [str(name) for name in values if name not in Settings.model_fields]:
            raise SettingsError(f"{file}: no such settings: {', '.join(unknown)} (see docs/settings.md)")
    _refuse_unknown_variables()
    try:
        return Settings(**values)
    except Unreadable as error:  # its text names the part of the settings, and not the value
        raise SettingsError(f"{error}: lists and mappings are written as JSON in the environment") from None
    except ValidationError as error:
        faults = [": ".join([*_place(e), _told(e)]) for e in error.errors(include_input=False)]
        raise SettingsError("\n".join(faults)) from None


def _place(fault: ErrorDetails) -> list[str]:
    """The setting at fault; none where it is several that contradict each other."""
    return [".".join(map(str, fault["loc"]))] if fault["loc"] else []


def _told(fault: ErrorDetails) -> str:
    """What is wrong with a setting, in this program's words where pydantic's are about Python."""
    if fault["type"] == "extra_forbidden":
        return "no such setting (see docs/settings.md)"
    return fault["msg"].removeprefix("Value error, ")


def _refuse_unknown_variables() -> None:
    """A typing error in a variable's name must not leave a default in force in silence."""
    given = [name for name in os.environ if name.startswith("MEDIE_") and not name.startswith("MEDIE_TEST_")]
    known = {f"MEDIE_{name.upper()}" for name in Settings.model_fields} | {"MEDIE_HOME", "MEDIE_CONFIG"}
    if unknown := sorted(name for name in given if name.upper().split("__")[0] not in known):
        raise SettingsError(f"no such settings: {', '.join(unknown)} (see docs/settings.md)")
