"""Resources as NDJSON, in batches for a bulk import (one file a type, as in FHIR Bulk Data, and a manifest).

A batch grows in a hidden file (``ndjson_journal``) and appears, finished, as one folder: nothing that an importer can
see is ever half-written. NDJSON knows neither deletion nor condition: what no longer holds is a resource that says so
(``entered-in-error``), and the last of two with one id is the one that holds.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from medie_fhir.adapters.ndjson_journal import Journal
from medie_fhir.adapters.out_folder import FOLDER_MODE, Stamps, claim, fit, sweep, sync, write_whole
from medie_fhir.adapters.write_only import WriteOnly, accepted, compact, entries_of
from medie_fhir.errors import FhirUnavailable, SettingsError
from medie_fhir.model import Json

__all__ = ["NdjsonFiles"]

log = logging.getLogger(__name__)
T = TypeVar("T")

_MIB = 1024 * 1024
_FIRST = ("Patient", "Encounter", "Device", "DocumentReference")  # so that references lead to what is there already
_LAST = ("Provenance",)


class NdjsonFiles(WriteOnly):
    """The port ``FhirServer`` on a folder: ``transact`` adds resources to the open batch.

    A batch is finished when it is so large or so old, and at :meth:`aclose`; one that a killed process left open, at
    the next start. One process alone writes in a folder. Raises SettingsError where the folder is missing, can't be
    written, or is another's.
    """

    def __init__(self, folder: Path, *, max_bytes: int = 64 * _MIB, max_age_s: float = 300.0) -> None:
        super().__init__("medie-fhir NDJSON files", "A folder of NDJSON batches, to be imported by others")
        fit(folder)
        sweep(folder)
        self._max_age_s = max_age_s
        self._batches = _Batches(folder, max_bytes)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ndjson")
        self._open: Journal | None = None
        self._due: asyncio.Task[None] | None = None

    async def transact(self, bundle: Json) -> Json:
        """Adds the Bundle's resources to the open batch, all or none, and on the disk on return.

        Raises FhirRejected for what is no transaction or not of PUTs alone, FhirUnavailable where it can't be written:
        sent again then, its resources may stand there twice.
        """
        doing = "writing NDJSON"
        resources = [(place, compact(resource, doing)) for place, resource in entries_of(bundle, doing)]
        try:
            current = await self._do(lambda: self._batches.append(resources))
        except OSError as error:
            raise FhirUnavailable(f"{doing}: {os.strerror(error.errno or 0)}; see to the output folder") from None
        if current is not None and current is not self._open:
            if self._due is not None:
                self._due.cancel()
            self._due = asyncio.create_task(self._finish_when_old(current))
        self._open = current
        return accepted(bundle)

    async def aclose(self) -> None:
        """Finishes the open batch."""
        if self._due is not None:
            self._due.cancel()
        await self._do(self._batches.close)
        self._thread.shutdown()

    async def _finish_when_old(self, journal: Journal) -> None:
        finished = False
        while not finished:  # a disk that was full may have room the next time
            await asyncio.sleep(self._max_age_s)
            finished = await self._do(lambda: self._batches.finish(journal))

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class _Batches:
    """The folder: the open batch, and those that are finished. Used by one thread at a time."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._stamps = Stamps(folder)
        self._open: Journal | None = None
        self._lock = claim(folder)
        try:
            self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    def append(self, resources: list[tuple[str, bytes]]) -> Journal | None:
        """Adds a transaction; the batch that is open after it, if one is. Raises OSError, and nothing is added."""
        if self._open is None:
            self._open = Journal(self._folder / f".{self._stamps.next()}.part")
            sync(self._folder)
        self._open.append(resources)
        if self._open.size >= self._max_bytes:
            self.finish(self._open)
        return self._open

    def finish(self, journal: Journal) -> bool:
        """Finishes this batch, if it is the open one; False where that failed, and it stays open."""
        if journal is not self._open:
            return True
        try:
            self._settle(journal)
        except OSError as error:
            log.warning("a batch of NDJSON can't be finished (%s): later again", os.strerror(error.errno or 0))
            return False
        self._open = None
        return True

    def close(self) -> None:
        """Finishes the open batch, or leaves it to the next start."""
        if self._open is not None and not self.finish(self._open):
            self._open.close()
        os.close(self._lock)

    def _recover(self) -> None:
        """Finishes what a killed process left open, before anything newer can be written."""
        for half_made in self._folder.glob(".*Z"):
            shutil.rmtree(half_made)
        for path in sorted(self._folder.glob(".*Z.part")):
            try:
                self._settle(Journal(path))
            except OSError as error:
                why = os.strerror(error.errno or 0)
                raise SettingsError(f"fhir.bundles: {path}: a batch left open can't be finished: {why}") from None

    def _settle(self, journal: Journal) -> None:
        """Makes the batch's folder, and then forgets the batch: killed in between, the next start makes it again."""
        if journal.transactions:
            self._make(self._stamps.next(), journal)
        journal.path.unlink()
        journal.close()

    def _make(self, stamp: str, journal: Journal) -> None:
        hidden = self._folder / f".{stamp}"
        try:
            hidden.mkdir()
            hidden.chmod(FOLDER_MODE)
            self._fill(hidden, journal)
            hidden.rename(self._folder / stamp)
        except OSError:  # each attempt on a full disk would leave another half batch there
            shutil.rmtree(hidden, ignore_errors=True)
            raise
        sync(self._folder)

    def _fill(self, hidden: Path, journal: Journal) -> None:
        types = journal.types()
        output = []
        for kind in sorted(types, key=_rank):
            digest = write_whole(hidden, f"{kind}.ndjson", journal.lines(types[kind]))
            output.append({"type": kind, "url": f"{kind}.ndjson", "count": len(types[kind]), "sha256": digest})
        manifest = {
            "transactionTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "transactions": journal.transactions,
            "output": output,
        }
        write_whole(hidden, "manifest.json", [json.dumps(manifest, indent=1).encode() + b"\n"])
        sync(hidden)


def _rank(kind: str) -> tuple[int, str]:
    if kind in _FIRST:
        return _FIRST.index(kind), kind
    return len(_FIRST) + (kind in _LAST), kind
