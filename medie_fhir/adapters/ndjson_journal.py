"""The open batch of ``NdjsonFiles``: one file to which whole transactions are appended, and nothing but whole ones.

A resource is a line, ``Type/id``, a tab, its JSON; a transaction is its lines and one more, ``=`` and their SHA-256.
What a crash leaves behind the last such line was never acknowledged, and is cut off.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from medie_fhir.errors import SettingsError

__all__ = ["Journal"]

_MODE = 0o600  # no importer's business


class _Place(NamedTuple):
    """Where the JSON of a resource stands in the file."""

    start: int
    length: int


class _Transaction:
    """Its lines' SHA-256 and the places of its resources, as far as they have been seen; not the lines themselves."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.places: list[tuple[bytes, _Place]] = []

    def add(self, line: bytes, start: int) -> None:
        """One more line of it, and where in the file that begins."""
        self._digest.update(line)
        place = line.partition(b"\t")[0]
        self.places.append((place, _Place(start + len(place) + 1, len(line) - len(place) - 2)))

    @property
    def mark(self) -> bytes:
        """The line that ends it."""
        return b"=%s\n" % self._digest.hexdigest().encode()


class Journal:
    """A file of transactions. ``path`` is made where it is not there; else what it holds is taken up.

    All raise OSError. Raises SettingsError for a file that is damaged before its end: no crash does that.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.transactions = 0
        self._places: dict[str, _Place] = {}
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, _MODE)
        self.size = 0
        self._sound = False
        try:
            self._take_up()
        except BaseException:
            os.close(self._file)
            raise

    def append(self, resources: Sequence[tuple[str, bytes]]) -> None:
        """A transaction: each resource's place (``Type/id``) and its JSON on one line. On the disk on return."""
        transaction, written = _Transaction(), bytearray()
        for place, data in resources:
            line = b"%s\t%s\n" % (place.encode(), data)
            transaction.add(line, self.size + len(written))
            written += line
        written += transaction.mark
        if not self._sound:
            os.ftruncate(self._file, self.size)  # what an append that failed has left
        self._sound = False
        done = 0
        with memoryview(written) as rest:
            while done < len(written):
                done += os.pwrite(self._file, rest[done:], self.size + done)
        os.fsync(self._file)
        self._sound = True
        self._count(transaction, self.size + len(written))

    def types(self) -> dict[str, list[str]]:
        """The places (``Type/id``) of all resources, by their type."""
        found: dict[str, list[str]] = {}
        for place in self._places:
            found.setdefault(place.partition("/")[0], []).append(place)
        return found

    def lines(self, places: Sequence[str]) -> Iterator[bytes]:
        """The JSON of resources, each as it was last written, with the line's end."""
        for start, length in (self._places[place] for place in places):
            yield os.pread(self._file, length, start) + b"\n"

    def close(self) -> None:
        """Closes the file, and leaves it where it is."""
        os.close(self._file)

    def _take_up(self) -> None:
        """Finds the transactions that are there, and cuts off what was never finished; line by line, however many."""
        with open(self._file, "rb", closefd=False) as file:
            found, start, torn = _Transaction(), 0, False
            for line in file:
                end = start + len(line)
                if not line.startswith(b"="):
                    found.add(line, start)
                else:
                    if line != found.mark:
                        torn = True
                    elif torn:
                        raise SettingsError(
                            f"{self.path}: damaged before its end: keep it aside, and see what it holds"
                        )
                    else:
                        self._count(found, end)
                    found = _Transaction()
                start = end

    def _count(self, transaction: _Transaction, end: int) -> None:
        """Remembers where the resources of one transaction stand; the last of a place is the one that holds."""
        for place, stands in transaction.places:
            # At the end of the order, so that within a type what was written last comes last.
            self._places.pop(place.decode(), None)
            self._places[place.decode()] = stands
        self.transactions += 1
        self.size = end
