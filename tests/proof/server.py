"""The real server: the one that is named, else one of our own for the time of a run."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "deploy" / "local" / "fhir"))

from local_fhir import JvmError, LocalFhir, lacking
from ports import free_port

__all__ = ["JvmError", "lacking", "real_fhir"]


@contextmanager
def real_fhir() -> Iterator[str]:
    """The base URL of MEDIE_TEST_FHIR_URL, else of a HAPI that is started here, in memory. Raises JvmError."""
    if given := os.environ.get("MEDIE_TEST_FHIR_URL"):
        yield given.rstrip("/")
        return
    with tempfile.TemporaryDirectory() as folder:
        server = LocalFhir(Path(folder) / "fhir", free_port(), kept=False)
        try:
            server.start()
            yield server.address
        finally:
            server.wipe()
