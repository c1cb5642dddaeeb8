"""A model server whose answers are kept: a text that comes again (a replay, a redelivery) is not read again.

One SQLite file in a folder of its own. It holds what the model read in notes, and so patients' data: only its owner may
read it. No failure of the cache fails a note; the model is asked instead.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import sqlite3
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from medie_fhir.errors import ModelError
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest, ModelServer, Token

__all__ = ["CachedModel"]

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

_KEY_VERSION = 1  # another one where a request's meaning changes and its parts do not
_REST_SECONDS = 10.0
_SILENT_SECONDS = 600.0
_BUSY_SECONDS = 2.0
_EVICTED_AT_ONCE = 64
_NOT_KEPT = "answers can't be kept in %s (%s): is the disk full, or the file damaged? The model is asked for each"
_MEBIBYTE = 1024 * 1024


class CachedModel:
    """A ModelServer (see ports) over another, with its finished answers kept in ``folder``.

    The same question to the same model, adapter, adapter digest and server (as ``describe`` names them at that moment)
    has one answer. ``mebibytes`` bounds the file; the oldest answers go first. Several processes may share a folder of
    a local disk. ``failures``: how often the cache could not be used.
    """

    def __init__(self, server: ModelServer, folder: Path, *, mebibytes: int = 1024) -> None:
        self._server = server
        self._file = _AnswerFile(folder / "answers.sqlite", mebibytes * _MEBIBYTE)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answers")  # the file may be slow, or locked
        self._rests_until: dict[str, float] = {}
        self._silent_until = 0.0
        self.failures = 0

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """The answer that was kept, marked as such, or else the server's."""
        served = await self._server.describe()
        key = _key(served, request)
        kept = await self._try(self._file.get, key)
        if kept is not None and (known := self._unpacked(kept)) is not None:
            return known
        answer = await self._server.complete(request)
        if answer.finish_reason == "stop" and await self._still(served):
            await self._try(self._file.put, key, _packed(answer))
        return answer

    async def describe(self) -> ModelDescription:
        """See :class:`~medie_fhir.ports.ModelServer`."""
        return await self._server.describe()

    async def aclose(self) -> None:
        """Close the file; not the server."""
        self._thread.submit(self._file.close)
        await asyncio.to_thread(self._thread.shutdown)

    async def _still(self, served: ModelDescription) -> bool:
        """Whether the answer came from the model that was asked for: it may have been replaced in between."""
        try:
            return await self._server.describe() == served
        except ModelError:
            return False

    async def _try(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The work's result, in the cache's own thread. What fails rests for a while, for the file may be locked."""
        name = work.__name__
        if time.monotonic() < self._rests_until.get(name, 0.0):
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))
        except (sqlite3.Error, OSError) as error:
            now = time.monotonic()
            self.failures += 1
            self._rests_until[name] = now + _REST_SECONDS
            if now >= self._silent_until:  # a disk that is full is so for every other answer, and for hours
                log.warning(_NOT_KEPT, self._file.path, type(error).__name__)
                self._silent_until = now + _SILENT_SECONDS
            return None

    def _unpacked(self, data: bytes) -> ModelAnswer | None:
        try:
            values = json.loads(zlib.decompress(data))
            tokens = tuple(Token(text, logprob) for text, logprob in values.pop("tokens"))
            return replace(ModelAnswer(**values, tokens=tokens), cached=True)
        except (zlib.error, ValueError, TypeError, KeyError, AttributeError):
            self.failures += 1  # damaged: what the model answers now takes its place
            return None


class _AnswerFile:
    """The file: keys and values are bytes. All raise sqlite3.Error or OSError; used by one thread alone."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path = path
        self._most_bytes = most_bytes
        self._open: sqlite3.Connection | None = None

    def get(self, key: bytes) -> bytes | None:
        try:
            row = self._connection().execute("SELECT value FROM answers WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error:
            self.close()
            raise
        return None if row is None else bytes(row[0])

    def put(self, key: bytes, value: bytes) -> None:
        try:
            with self._connection() as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, value))
                while self._used(connection) > self._most_bytes and self._evict(connection):
                    pass
        except sqlite3.Error:
            self.close()
            raise

    def close(self) -> None:
        """The next use opens it anew."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its -wal and -shm the same mode
            self._open = connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
            self._share(connection)
            connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last answers, not the file
            connection.execute("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, value BLOB NOT NULL)")
        return self._open

    @staticmethod
    def _share(connection: sqlite3.Connection) -> None:
        """Write-ahead log. SQLite doesn't wait, as elsewhere, for another process that does the same right now."""
        until = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                    raise
                time.sleep(0.01)
            else:
                return

    @staticmethod
    def _used(connection: sqlite3.Connection) -> int:
        pages, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    @staticmethod
    def _evict(connection: sqlite3.Connection) -> int:
        """How many of the oldest went. A row's id is above all that were there when it came."""
        oldest = "DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers ORDER BY rowid LIMIT ?)"
        return connection.execute(oldest, (_EVICTED_AT_ONCE,)).rowcount


def _key(served: ModelDescription, request: ModelRequest) -> bytes:
    messages = [dict(message) for message in request.messages]
    question = [_KEY_VERSION, asdict(served), messages, request.json_schema, request.max_tokens]
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).digest()


def _packed(answer: ModelAnswer) -> bytes:
    values = {
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "tokens": [(token.text, token.logprob) for token in answer.tokens],
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
    }
    return zlib.compress(json.dumps(values).encode())
