"""Stored records through the second half, several at once, each document once, and none skipped by an outage."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from consumers.dependencies import Circuits, Dependency
from consumers.monitor import Waiting
from consumers.outcomes import policy_of
from consumers.records import Position, StoredRecord
from consumers.remap.report import Failed
from consumers.remap.selection import Selection
from consumers.remap.state import Progress
from consumers.retrying import RetryOptions, Tries
from medie_fhir.drafting import Published
from medie_fhir.errors import MedieError, Policy
from medie_fhir.model import ExtractionRecord
from medie_fhir.pipeline import Pipeline

__all__ = ["Outlasted", "Remap", "RemapOptions"]

_ANSWER_S = 5.0  # where patience ends, someone is waiting: what hangs for so long is away
_MOST_WAITING = 1000
"""So many finished documents may wait for one before them, until no more are begun."""


@dataclass(frozen=True, slots=True)
class RemapOptions:
    """``at_once`` documents, ``rate`` of them a second at most; when one that fails is tried again.

    ``patience_s``: how long an outage may last before it ends the remap; None for ever.
    """

    at_once: int = 8
    rate: float | None = None
    patience_s: float | None = None
    retry: RetryOptions = field(default_factory=RetryOptions)
    selection: Selection = field(default_factory=Selection)


class Outlasted(Exception):
    """A dependency was away for longer than the patience. ``error``: what asking it met; None where it hung."""

    def __init__(self, dependency: str, error: MedieError | None) -> None:
        super().__init__(dependency)
        self.dependency, self.error = dependency, error


class _Told(NamedTuple):
    published: Published
    fields: Mapping[str, str]


@dataclass(slots=True)
class _Place:
    """A record's place in the store: progress and report go on in the store's order, so that a kill counts none twice.

    ``told`` is what there is to report of it.
    """

    position: Position
    done: bool = False
    told: _Told | Failed | None = None


class Remap:
    """One remap. ``progress`` is how far it is; ``seen`` how many records were looked at, of ``total``.

    ``on_done`` is called after each.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        options: RemapOptions,
        progress: Progress,
        *,
        dependencies: Iterable[Dependency] = (),
    ) -> None:
        self.progress, self.total, self.seen = progress, 0, 0
        self.on_done: Callable[[], None] = lambda: None
        self._pipeline, self._options = pipeline, options
        self._dependencies = tuple(dependencies)
        self._circuits = Circuits(
            self._dependencies,
            first_s=options.retry.probe_s,
            longest_s=options.retry.longest_probe_s,
            answer_s=None if options.patience_s is None else _ANSWER_S,
        )
        self._places: deque[_Place] = deque()
        self._stopping = asyncio.Event()
        self._next = 0.0

    @property
    def stopped(self) -> bool:
        """Whether it was to stop before its end."""
        return self._stopping.is_set()

    @property
    def waiting(self) -> Waiting | None:
        """What is away, and how long by now, where something is."""
        return next(iter(self._circuits.waiting), None)

    def stop(self) -> None:
        """Begin nothing more; what is being written is finished, what waits to be tried again is left for later."""
        self._stopping.set()

    async def run(self, stored: AsyncIterator[StoredRecord]) -> None:
        """Do them all, or until :meth:`stop`. Raises Outlasted, and what no other record would be spared (STOP)."""
        running: set[asyncio.Task[None]] = set()
        try:
            await self._until_stopping_or(self._circuits.doubt())  # who is away is known at once, and not after retries
            async for record, position, total in stored:
                self.total = self.total or total
                if not await self._room(running):
                    break
                place = _Place(position)
                self._places.append(place)
                if not self._options.selection.takes(record):
                    self._finished(place)
                    continue
                running.add(asyncio.create_task(self._do(record, place)))
            while running:
                running = await _settled(running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await self._circuits.aclose()
            if isinstance(stored, AsyncGenerator):
                await stored.aclose()

    async def _room(self, running: set[asyncio.Task[None]]) -> bool:
        """Wait until another may begin; False where none is to."""
        while not self.stopped and (len(running) >= self._options.at_once or len(self._places) >= _MOST_WAITING):
            left = await _settled(running)
            running.intersection_update(left)
        if self._options.rate and not self.stopped:
            now = time.monotonic()
            self._next = max(now, self._next) + 1 / self._options.rate
            await self._pause(self._next - 1 / self._options.rate - now)
        return not self.stopped

    async def _do(self, record: ExtractionRecord, place: _Place) -> None:
        try:
            done, place.told = await self._tried(record)
        except Exception as error:
            if isinstance(error, Outlasted) or policy_of(error) is Policy.STOP:
                raise
            done, place.told = True, _failed(record, error)
        if done:
            self._finished(place)

    async def _tried(self, record: ExtractionRecord) -> tuple[bool, _Told | None]:
        """Publish a record, as often as it takes. Whether it was done before it was to stop, and what it came to."""
        tries, retry = Tries(time.perf_counter()), self._options.retry
        while not self.stopped:
            if self._circuits.open:
                await self._wait_out()
                tries.waits = 0
                continue
            try:
                return True, await self._publish(record)
            except Exception as error:
                if policy_of(error) is not Policy.RETRY:
                    raise
                tries.attempts += 1
                tries.failed(error, self._dependencies)
                if tries.own >= retry.max_attempts:
                    raise
                circuit = self._circuits.of(error)
                if circuit is not None and tries.attempts >= retry.outage_after:
                    await circuit.doubt()
                await self._pause(tries.wait_s(error, retry))
        return False, None

    async def _wait_out(self) -> None:
        """Wait for the end of an outage, to stop, or for the end of the patience. Raises Outlasted."""
        patience, left = self._options.patience_s, None
        if patience is not None:
            if lasting := self._circuits.outlasting(patience):
                raise Outlasted(lasting.dependency.name, lasting.error)
            left = patience - max((away.seconds for away in self._circuits.waiting), default=0.0)
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._until_stopping_or(self._circuits.closed())

    async def _publish(self, record: ExtractionRecord) -> _Told | None:
        chosen = self._options.selection
        if chosen.made_by and not chosen.takes_work_of(await self._pipeline.made_by(record.document)):
            return None
        published = await self._pipeline.publish(record, only_changes=True)
        return _Told(published, self._pipeline.fields_of(record) if published.changes else {})

    def _finished(self, place: _Place) -> None:
        place.done = True
        self.seen += 1
        while self._places and self._places[0].done:
            first = self._places.popleft()
            self.progress.position = first.position
            match first.told:
                case Failed() as failed:
                    self.progress.report.failure(failed)
                case _Told(published, fields):
                    self.progress.report.published(published, fields)
        self.on_done()

    async def _pause(self, seconds: float) -> None:
        """Wait, or until it is to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stopping.wait()

    async def _until_stopping_or(self, work: Coroutine[Any, Any, object]) -> None:
        tasks = [asyncio.create_task(each) for each in (work, self._stopping.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _settled(running: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Those that go on when the first has ended. Raises what one of them raised."""
    done, left = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return left


def _failed(record: ExtractionRecord, error: BaseException) -> Failed:
    """An identifier may be a patient's, and of a bug the text may hold a note's: neither is told."""
    document = record.document.reference
    shown = "(named by an identifier)" if "|" in document else document
    return Failed(
        shown, type(error).__name__, str(error) if isinstance(error, MedieError) else "a fault of this program"
    )
