"""A memory, in one SQLite file, of the resources that were put into files or on a topic: each as it was last written.

It holds patients' data: only its owner may read it (0600). Each write is on the disk on return. One process alone has
it open.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from medie_fhir.adapters.fhir_twin.parameters import index_entries
from medie_fhir.adapters.fhir_twin.resources import kept_form, merged, same
from medie_fhir.adapters.write_only import entries_of
from medie_fhir.errors import FhirConflict, FhirRejected, FhirUnavailable, SettingsError
from medie_fhir.model import Json

__all__ = ["Shadow"]

_DOING = "remembering what was written"
_FORMAT = 1
_TOKENS = frozenset({"identifier", "_tag"})
_SEARCHED = _TOKENS | {"entity", "target"}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    place TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS found_by (
    value TEXT NOT NULL, type TEXT NOT NULL, parameter TEXT NOT NULL, system TEXT NOT NULL, place TEXT NOT NULL,
    PRIMARY KEY (value, type, parameter, system, place)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS found_by_place ON found_by (place);
"""


class Shadow:
    """Resources by type and id, with versions counted from 1. For one thread at a time.

    Raises SettingsError for a file that can't be opened, is none of ours, or is another process's; all methods raise
    FhirUnavailable where the file can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its -wal the same mode
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
        except OSError as error:
            raise SettingsError(f"fhir.shadow: {path}: {os.strerror(error.errno or 0)}") from None
        try:
            version = self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            held = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            why = "another process has it open; one alone can" if held else f"can't be used ({error.sqlite_errorname})"
            raise SettingsError(f"fhir.shadow: {path}: {why}") from None
        if version != _FORMAT:
            self._db.close()
            raise SettingsError(f"fhir.shadow: {path}: its format is {version}; this release knows {_FORMAT} alone")

    def _prepare(self) -> int:
        """Locks the file for as long as it is open, and makes its tables where it is empty; its format's number."""
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("BEGIN EXCLUSIVE")  # from here on it is ours, until it is closed
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version == 0:
            version = _FORMAT
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {_FORMAT}")
        self._db.execute("COMMIT")
        return version

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def read(self, resource_type: str, resource_id: str) -> Json | None:
        """A resource as it was last written, or None."""
        found = self._current(f"{resource_type}/{resource_id}")
        return found[1] if found else None

    def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """All that match, by ``identifier``, ``_tag``, ``entity``, ``target``. Raises FhirRejected for any other."""
        places: set[str] | None = None
        for parameter, value in params.items():
            if parameter not in _SEARCHED:
                raise FhirRejected(f"searching {resource_type}: the shadow knows no parameter '{parameter}'")
            found = self._found(resource_type, parameter, value)
            places = found if places is None else places & found
        resources = (self._current(place) for place in sorted(places or ()))
        return [found[1] for found in resources if found]

    def changes(self, bundle: Json) -> bool:
        """Whether the Bundle would change anything. Raises FhirRejected; FhirConflict where an ``ifMatch`` fails."""
        changed = False
        guards = [entry["request"].get("ifMatch") for entry in bundle.get("entry", ())]
        for (place, resource), guard in zip(entries_of(bundle, _DOING), guards, strict=True):
            number, before = self._current(place) or (0, None)
            if guard is not None and guard != f'W/"{number}"':
                raise FhirConflict(
                    f"{_DOING}: version {number} of a {resource['resourceType']} is not the one expected"
                )
            changed |= before is None or not same(merged(kept_form(resource), before), before)
        return changed

    def keep(self, bundle: Json) -> None:
        """Remembers the Bundle's resources, all or none."""
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for place, resource in entries_of(bundle, _DOING):
                    self._put(place, kept_form(resource))
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _put(self, place: str, resource: Json) -> None:
        number, before = self._current(place) or (0, None)
        body = merged(resource, before)
        if before is not None and same(body, before):
            return
        body["meta"] = {"versionId": str(number + 1), **body["meta"]}
        data = zlib.compress(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
        self._db.execute("INSERT OR REPLACE INTO resource VALUES (?, ?, ?)", (place, number + 1, data))
        self._db.execute("DELETE FROM found_by WHERE place = ?", (place,))
        kind = body["resourceType"]
        found = [entry for entry in index_entries(body) if entry.parameter in _SEARCHED]
        rows = {(entry.value, kind, entry.parameter, entry.system or "", place) for entry in found}
        self._db.executemany("INSERT INTO found_by VALUES (?, ?, ?, ?, ?)", rows)

    def _current(self, place: str) -> tuple[int, Json] | None:
        """Version and resource."""
        with self._errors():
            row = self._db.execute("SELECT version, body FROM resource WHERE place = ?", (place,)).fetchone()
        return (row[0], json.loads(zlib.decompress(row[1]))) if row else None

    def _found(self, resource_type: str, parameter: str, value: str) -> set[str]:
        """Places by a token (``system|value``, ``value``) or a reference (``Type/id``)."""
        sql = "SELECT place, system FROM found_by WHERE value = ? AND type = ? AND parameter = ?"
        places = set()
        for one in _split(value, ","):
            *before, wanted = map(_unescaped, _split(one, "|" if parameter in _TOKENS else "/"))
            with self._errors():
                rows = self._db.execute(sql, (wanted, resource_type, parameter)).fetchall()
            places |= {place for place, system in rows if not before or [system] == before}
        return places

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, zlib.error) as error:
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            raise FhirUnavailable(f"{_DOING}: {name}; see to fhir.shadow and its disk") from None


def _split(value: str, by: str) -> list[str]:
    """The parts of a search parameter's value, their escapes left as they are (FHIR R4, search, §3.1.1.4.0.3)."""
    parts, escaped = [""], False
    for character in value:
        if character == by and not escaped:
            parts.append("")
        else:
            parts[-1] += character
        escaped = character == "\\" and not escaped
    return parts


def _unescaped(part: str) -> str:
    return re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL)
