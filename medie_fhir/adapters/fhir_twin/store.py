"""Where the twin keeps its resources: one SQLite database, in memory or in one file."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medie_fhir.adapters.fhir_twin.parameters import IndexEntry
from medie_fhir.model import Json

__all__ = ["Store", "Stored", "Version"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    seq INTEGER PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT,
    UNIQUE (type, id)
);
CREATE TABLE IF NOT EXISTS version (
    type TEXT NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL, method TEXT NOT NULL, at TEXT NOT NULL, body TEXT,
    PRIMARY KEY (type, id, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS found_by (
    resource INTEGER NOT NULL, type TEXT NOT NULL, parameter TEXT NOT NULL, kind TEXT NOT NULL, system TEXT,
    value TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS found_by_value ON found_by (value, parameter, type);
CREATE INDEX IF NOT EXISTS found_by_resource ON found_by (resource);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A resource as it is now; ``body`` is None where it was deleted."""

    seq: int
    version: int
    body: Json | None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a resource; ``body`` is None for a deletion. ``at`` is an ISO 8601 instant."""

    number: int
    method: str
    at: str
    body: Json | None


class Store:
    """The resources, their versions, and an index of what they can be found by. Threads take turns by ``lock``."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=30)
        if path is not None:
            # A crash may lose the last writes and never breaks the file: right for a demo, and fast.
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the database."""
        with self.lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what is written within is undone if the block raises."""
        with self.lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of a transaction that is undone by itself if the block raises."""
        self._db.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO part")
            raise
        finally:
            self._db.execute("RELEASE part")

    def current(self, resource_type: str, resource_id: str) -> Stored | None:
        """A resource as it is now, deleted or not."""
        sql = "SELECT seq, version, body FROM resource WHERE type = ? AND id = ?"
        row = self._db.execute(sql, (resource_type, resource_id)).fetchone()
        return Stored(row[0], row[1], _body(row[2])) if row else None

    def versions(self, resource_type: str, resource_id: str) -> list[Version]:
        """All versions, newest first."""
        sql = "SELECT number, method, at, body FROM version WHERE type = ? AND id = ? ORDER BY number DESC"
        return [
            Version(row[0], row[1], row[2], _body(row[3]))
            for row in self._db.execute(sql, (resource_type, resource_id))
        ]

    def write(self, resource_type: str, resource_id: str, new: Version, found_by: Iterable[IndexEntry]) -> None:
        """A new version, which is the current one from now on."""
        text = None if new.body is None else json.dumps(new.body, separators=(",", ":"))
        seq = self._db.execute(
            "INSERT INTO resource (type, id, version, body) VALUES (?, ?, ?, ?) ON CONFLICT (type, id)"
            " DO UPDATE SET version = excluded.version, body = excluded.body RETURNING seq",
            (resource_type, resource_id, new.number, text),
        ).fetchone()[0]
        self._db.execute(
            "INSERT INTO version (type, id, number, method, at, body) VALUES (?, ?, ?, ?, ?, ?)",
            (resource_type, resource_id, new.number, new.method, new.at, text),
        )
        self._db.execute("DELETE FROM found_by WHERE resource = ?", (seq,))
        rows = [(seq, resource_type, entry.parameter, entry.kind, entry.system, entry.value) for entry in found_by]
        self._db.executemany("INSERT INTO found_by VALUES (?, ?, ?, ?, ?, ?)", rows)

    def next_number(self, name: str) -> int:
        """The next number of a counter, which begins with 1."""
        sql = (
            "INSERT INTO counter (name, value) VALUES (?, 1)"
            " ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        )
        return int(self._db.execute(sql, (name,)).fetchone()[0])

    def everything(self, resource_type: str) -> list[str]:
        """The ids of all resources of a type, oldest first."""
        sql = "SELECT id FROM resource WHERE type = ? AND body IS NOT NULL ORDER BY seq"
        return [row[0] for row in self._db.execute(sql, (resource_type,))]

    def found(self, resource_type: str, parameter: str, value: str) -> list[tuple[str, str | None]]:
        """Ids of the resources that a parameter finds by a value, each with the value's system (or target type)."""
        sql = (
            "SELECT r.id, f.system FROM found_by f JOIN resource r ON r.seq = f.resource"
            " WHERE f.value = ? AND f.parameter = ? AND f.type = ?"
        )
        return [(row[0], row[1]) for row in self._db.execute(sql, (value, parameter, resource_type))]

    def found_in_system(self, resource_type: str, parameter: str, system: str) -> list[str]:
        """Ids of the resources that a token parameter finds by a system alone."""
        sql = (
            "SELECT r.id FROM found_by f JOIN resource r ON r.seq = f.resource"
            " WHERE f.type = ? AND f.parameter = ? AND f.system = ?"
        )
        return [row[0] for row in self._db.execute(sql, (resource_type, parameter, system))]

    def pointing_at(self, resource_type: str, resource_id: str) -> str | None:
        """A resource (``Type/id``) that refers to this one, if any does."""
        sql = (
            "SELECT r.type || '/' || r.id FROM found_by f JOIN resource r ON r.seq = f.resource"
            " WHERE f.value = ? AND f.kind = 'reference' AND f.system = ? LIMIT 1"
        )
        row = self._db.execute(sql, (resource_id, resource_type)).fetchone()
        return row[0] if row else None

    def bodies(self, resource_type: str | None = None) -> list[Json]:
        """All resources as they are now, of a type or of all, oldest first."""
        sql = "SELECT body FROM resource WHERE body IS NOT NULL AND (?1 IS NULL OR type = ?1) ORDER BY seq"
        return [json.loads(row[0]) for row in self._db.execute(sql, (resource_type,))]

    def count_versions(self) -> int:
        """How many versions of resources there are, deletions included."""
        return int(self._db.execute("SELECT COUNT(*) FROM version").fetchone()[0])


def _body(text: str | None) -> Json | None:
    if text is None:
        return None
    body: Json = json.loads(text)
    return body
