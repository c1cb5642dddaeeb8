"""The saves of a mapping, of its terminology tables and of a site's own rows, by polling."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

from medie_fhir.coding import digest_of

__all__ = ["Saves"]

_POLL_S = 0.3
_LOOKS_BEFORE_GONE = 7  # two seconds: no editor takes as long to put a file in the place of another


class Saves:
    """The saves of a file, and of the ``*.csv`` of folders: editors write in place, or put another file in its place.

    ``folders``: the tables and the site's rows, where they are known; set when they are others.
    """

    def __init__(self, path: Path, folders: tuple[Path, Path | None] | None = None) -> None:
        self.path, self._folders = path, folders
        self._seen: tuple[int, int, int] | None = None
        self._digest = b""
        self._stats, self._tables = self._look_at_tables(), self._digest_of_tables()

    def also(self, tables: Path, site: Path | None) -> None:
        """Look at these folders, too; as they are now, they are known."""
        if self._folders != (tables, site):
            self._folders = tables, site
            self._stats, self._tables = self._look_at_tables(), self._digest_of_tables()

    def happened(self) -> bool:
        """Whether any content is another than when last asked; an empty or missing file is one that is being saved."""
        of_file, of_tables = self._of_file(), self._of_tables()
        return of_file or of_tables

    async def next(self, gone: Callable[[], None] = lambda: None) -> None:
        """Wait for a save; ``gone`` is called where the file stays missing, or empty, for longer than a save takes."""
        looks = 0
        while not self.happened():  # a file system has no event that all have
            await asyncio.sleep(_POLL_S)
            looks = looks + 1 if self._is_gone() else 0
            if looks == _LOOKS_BEFORE_GONE:
                gone()

    def _is_gone(self) -> bool:
        try:
            return not self.path.stat().st_size
        except OSError:
            return True

    def _of_file(self) -> bool:
        try:
            found = self.path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen == self._seen or not found.st_size:
                return False
            digest = hashlib.sha256(self.path.read_bytes()).digest()
        except OSError:
            return False
        before, self._seen, self._digest = self._digest, seen, digest
        return digest != before

    def _of_tables(self) -> bool:
        stats = self._look_at_tables()
        if stats is None or stats == self._stats:
            return False
        before, self._stats, self._tables = self._tables, stats, self._digest_of_tables()
        return self._tables != before

    def _look_at_tables(self) -> frozenset[tuple[Path, int, int, int]] | None:
        """The tables' files, cheaply: megabytes are not read several times a second. None where one is being saved."""
        files = [file for folder in self._folders or () if folder is not None for file in folder.glob("*.csv")]
        try:
            stats = [(file, file.stat()) for file in files]
        except OSError:
            return None
        if not all(stat.st_size for _, stat in stats):
            return None
        return frozenset((file, stat.st_mtime_ns, stat.st_size, stat.st_ino) for file, stat in stats)

    def _digest_of_tables(self) -> str:
        try:
            return digest_of(*self._folders) if self._folders else ""
        except OSError:
            return ""
