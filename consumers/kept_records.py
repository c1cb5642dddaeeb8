"""The extraction records beside a FHIR store in one SQLite file, as ``medie-fhir demo`` keeps it.

A FHIR store holds what a mapping made, and only the records say what it was made of: so they lie beside it, as NDJSON.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from medie_fhir.errors import SettingsError
from medie_fhir.model import ExtractionRecord
from medie_fhir.pipeline import Pipeline

__all__ = ["append", "is_store", "keep", "records_beside"]

_MAGIC: Final = b"SQLite format 3\0"


def is_store(path: Path) -> bool:
    """Whether it is an SQLite file, by its first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def records_beside(store: Path) -> Path:
    """The file of a store's records: ``fhir.records.ndjson`` beside ``fhir.sqlite``."""
    return store.with_suffix(".records.ndjson")


def keep(store: Path, records: Iterable[bytes]) -> None:
    """Put records beside their store: of each document's version the last. Those of earlier runs stay.

    The file is exchanged whole, or not at all. Raises RecordError, and SettingsError where it can't be written.
    """
    file = records_beside(store)
    try:
        known = file.read_bytes().splitlines() if file.exists() else []
        lines = {_version(line): line for line in (*filter(bytes.strip, known), *records)}
        new = file.with_name(f".{file.name}.new")
        new.write_bytes(b"".join(line + b"\n" for line in lines.values()))
        new.replace(file)
    except OSError as error:
        raise SettingsError(f"{file}: the extraction records can't be kept there: {error.strerror}") from None


def append(file: Path, records: Iterable[bytes]) -> None:
    """Put records behind those of an NDJSON file. They quote notes: a new file is for its owner alone (0600).

    Raises SettingsError where it can't be written, or is a FHIR store.
    """
    if is_store(file):
        raise SettingsError(f"{file}: is a FHIR store, and no file of records; name {records_beside(file).name}, say")
    try:
        with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "rb+", buffering=0) as written:
            size = os.fstat(written.fileno()).st_size
            torn = size > 0 and os.pread(written.fileno(), 1, size - 1) != b"\n"
            written.write((b"\n" if torn else b"") + b"".join(line + b"\n" for line in records))
    except OSError as error:
        raise SettingsError(f"{file}: the extraction records can't be kept there: {error.strerror}") from None


def _version(line: bytes) -> tuple[str, str | None, str | None]:
    record: ExtractionRecord = Pipeline.record(line)
    version = record.document.version
    return record.document.key, version.version_id, version.last_updated
