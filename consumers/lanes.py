"""Records side by side, and those of one key one after another. Lives on the asyncio loop's thread alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from consumers.broker import TopicPartition
from consumers.lifecycle import Record

__all__ = ["Lanes"]

Process = Callable[[Record], Awaitable[None]]


@dataclass(eq=False, slots=True)
class _Watch:
    waiting: set[Record]
    then: Callable[[], None]
    timer: asyncio.TimerHandle | None = None


class Lanes:
    """Runs ``process`` for each record, and tells what became of it.

    ``on_end`` hears of all that ended in one turn of asyncio's loop at once, for most work needs no waiting and telling
    takes a lock; ``on_error`` hears at once of what ``process`` raised, before the next of its key begins.

    Records without a key have no order to keep: whoever writes them spreads them over partitions already. One key that
    is in two partitions, since their number was changed, is one key.

    Records are taken by tasks that each go on to the next one; a task that has to wait is followed by another. So there
    are as many tasks as records that wait for something, and a record that needs no waiting costs none.
    """

    def __init__(
        self,
        process: Process,
        on_end: Callable[[list[Record]], None],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._process = process
        self._on_end = on_end
        self._on_error = on_error
        self._ended: list[Record] = []  # in this turn
        self._records: set[Record] = set()
        self._ready: deque[Record] = deque()
        # Of each key that something runs of: what waits for its turn, None for nothing.
        self._behind: dict[bytes, deque[Record] | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._follower: asyncio.Task[None] | None = None  # made, and not yet begun
        self._watches: list[_Watch] = []
        self._cancelled = False

    def begin(self, records: Collection[Record]) -> None:
        """Run these, in their order within each key."""
        taken, ready = self._behind, self._ready
        self._records.update(records)
        for record in records:
            key = record.message.key
            if key is None:
                ready.append(record)
            elif key in taken:
                behind = taken[key]
                if behind is None:
                    behind = taken[key] = deque()
                behind.append(record)
            else:
                taken[key] = None
                ready.append(record)
        self._follow()

    def abandon(self, partitions: Collection[TopicPartition] | None = None) -> None:
        """Let no record of these (None: of all) begin or try again any more. What runs may finish."""
        for record in self._of(partitions):
            record.abandon()

    def when_settled(self, partitions: Collection[TopicPartition], within_s: float, then: Callable[[], None]) -> None:
        """Call ``then`` once: when no record of these is in flight any more, or after ``within_s``.

        Of what ended before it, ``on_end`` has heard by then.
        """
        watch = _Watch(self._of(partitions), then)
        if not watch.waiting:
            self._tell()
            then()
            return
        self._watches.append(watch)
        watch.timer = asyncio.get_running_loop().call_later(within_s, self._settled, watch)

    async def cancel(self) -> None:
        """Cancel what still runs, and begin nothing any more."""
        self._cancelled = True
        self._ready.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _of(self, partitions: Collection[TopicPartition] | None) -> set[Record]:
        return {r for r in self._records if partitions is None or r.place in partitions}

    def _follow(self) -> None:
        """See to it that someone takes what is ready, should the one who runs have to wait."""
        if self._ready and self._follower is None and not self._cancelled:
            self._follower = task = asyncio.create_task(self._take())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _take(self) -> None:
        self._follower = None
        process, ready = self._process, self._ready
        while ready and not self._cancelled:
            record = ready.popleft()
            if self._follower is None:
                self._follow()
            try:
                await process(record)
            except asyncio.CancelledError:
                self._end(record)
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, on_error is told
                self._on_error(error)
            self._end(record)

    def _end(self, record: Record) -> None:
        self._records.discard(record)
        ended = self._ended
        if not ended:
            asyncio.get_running_loop().call_soon(self._tell)
        ended.append(record)
        key = record.message.key
        if key is not None:
            if behind := self._behind[key]:
                self._ready.append(behind.popleft())
                self._follow()
            else:
                del self._behind[key]
        if self._watches:
            self._seen(record)

    def _tell(self) -> None:
        ended, self._ended = self._ended, []
        if ended:
            self._on_end(ended)

    def _seen(self, record: Record) -> None:
        for watch in list(self._watches):
            watch.waiting.discard(record)
            if not watch.waiting:
                self._settled(watch)

    def _settled(self, watch: _Watch) -> None:
        if watch in self._watches:
            self._watches.remove(watch)
            if watch.timer is not None:
                watch.timer.cancel()
            self._tell()
            watch.then()
