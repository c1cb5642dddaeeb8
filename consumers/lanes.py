"""Records side by side, and those of one key one after another. Lives on the asyncio loop's thread alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial

from consumers.broker import TopicPartition
from consumers.lifecycle import Record

__all__ = ["Lanes"]

Lane = tuple[TopicPartition, bytes]
Process = Callable[[Record], Awaitable[None]]


@dataclass(eq=False, slots=True)
class _Watch:
    waiting: set[Record]
    then: Callable[[], None]
    timer: asyncio.TimerHandle | None = None


class Lanes:
    """Runs ``process`` for each record, and ``on_end`` after it, with what it raised.

    A lane is one key of one partition. Records without a key have no order to keep: whoever writes them spreads them
    over the partitions already.
    """

    def __init__(self, process: Process, on_end: Callable[[Record, BaseException | None], None]) -> None:
        self._process = process
        self._on_end = on_end
        self._tasks: dict[Record, asyncio.Task[None]] = {}
        self._tails: dict[Lane, asyncio.Task[None]] = {}
        self._watches: list[_Watch] = []

    def begin(self, records: Iterable[Record]) -> None:
        """Run these, in their order within each lane."""
        for record in records:
            key = record.message.key
            lane = (record.message.place, key) if key is not None else None
            task = asyncio.create_task(self._run(record, self._tails.get(lane) if lane else None))
            self._tasks[record] = task
            if lane:
                self._tails[lane] = task
            task.add_done_callback(partial(self._end, record, lane))

    def abandon(self, partitions: Collection[TopicPartition] | None = None) -> None:
        """Let no record of these (None: of all) begin or try again any more. What runs may finish."""
        for record in self._of(partitions):
            record.abandoned.set()

    def when_settled(self, partitions: Collection[TopicPartition], within_s: float, then: Callable[[], None]) -> None:
        """Call ``then`` once: when no record of these is in flight any more, or after ``within_s``."""
        watch = _Watch(self._of(partitions), then)
        if not watch.waiting:
            then()
            return
        self._watches.append(watch)
        watch.timer = asyncio.get_running_loop().call_later(within_s, self._settled, watch)

    async def cancel(self) -> None:
        """Cancel what still runs."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _of(self, partitions: Collection[TopicPartition] | None) -> set[Record]:
        return {r for r in self._tasks if partitions is None or r.message.place in partitions}

    async def _run(self, record: Record, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait((before,))
        await self._process(record)

    def _end(self, record: Record, lane: Lane | None, task: asyncio.Task[None]) -> None:
        del self._tasks[record]
        if lane and self._tails.get(lane) is task:
            del self._tails[lane]
        self._on_end(record, None if task.cancelled() else task.exception())
        for watch in list(self._watches):
            watch.waiting.discard(record)
            if not watch.waiting:
                self._settled(watch)

    def _settled(self, watch: _Watch) -> None:
        if watch in self._watches:
            self._watches.remove(watch)
            if watch.timer is not None:
                watch.timer.cancel()
            watch.then()
