"""Where two adapters differ, a line of NDJSON each: document, field, kind, and who read. No value and no note text."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from medie_fhir.model import Json

__all__ = ["DifferencesFile"]

log = logging.getLogger(__name__)


class DifferencesFile:
    """A file that is appended to; its owner alone may read it, for a document's name may be a patient's number.

    That it can't be written is told once until it can be again, and never raised.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._failing = False

    def write(self, lines: Iterable[Json]) -> None:
        """All lines of a note, in one piece."""
        data = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, data)
            finally:
                os.close(file)
        except OSError as error:
            if not self._failing:
                log.warning("%s can't be written (%s): differences are only counted", self.path, error.strerror)
            self._failing = True
        else:
            self._failing = False
