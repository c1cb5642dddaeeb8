"""How far a remap has come, in a file: after a kill it goes on there, and never past a document that isn't done."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consumers.records import Position
from consumers.remap.report import RemapReport
from medie_fhir.errors import SettingsError

__all__ = ["Progress", "StateFile", "digest_of"]


@dataclass(slots=True)
class Progress:
    """All before ``position`` is done, and came to ``report``."""

    position: Position | None = None
    report: RemapReport = field(default_factory=RemapReport)


def digest_of(*what: object) -> str:
    """A digest of what a remap does: mapping, tables, store, filters."""
    return hashlib.sha256(repr(what).encode()).hexdigest()


class StateFile:
    """One remap's progress; ``digest`` is of what it does. It names documents: only its owner may read it (0600)."""

    def __init__(self, path: Path, digest: str) -> None:
        self._path, self._digest = path, digest

    def read(self) -> Progress:
        """Where to go on; the beginning where there is no file. Raises SettingsError for one of another remap."""
        try:
            told: Any = json.loads(self._path.read_text(encoding="utf-8"))
            digest, position, report = told["digest"], told["position"], RemapReport.from_json(told["report"])
        except FileNotFoundError:
            return Progress()
        except OSError as error:
            raise SettingsError(f"{self._path}: can't be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SettingsError(f"{self._path}: is no state of a remap; name another, or --restart") from None
        if digest != self._digest:
            raise SettingsError(
                f"{self._path}: is of a remap by another mapping, of other records or with other filters: finish that"
                " one as it was begun, or begin this one with --restart"
            )
        return Progress(position, report)

    def write(self, progress: Progress) -> None:
        """Put it in the file, whole or not at all. Raises SettingsError."""
        told = {"digest": self._digest, "position": progress.position, "report": progress.report.to_json()}
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(told, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise SettingsError(f"{self._path}: can't be written: {error.strerror}") from None

    def remove(self) -> None:
        """There is nothing to go on with."""
        self._path.unlink(missing_ok=True)
