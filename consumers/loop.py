"""The loop: poll → process → commit, with nothing lost.

One thread owns the consumer and does nothing else; the work runs on the asyncio loop that awaits :meth:`Loop.run`.

* A record is committed only when it, and every record polled before it in its partition, is done.
* Records of one key run one after another; all others side by side, so many and so many bytes at most.
* A partition that goes is drained and committed while it is still ours; what isn't done in time runs again elsewhere.
* During an outage nothing new is polled, and the group membership is kept alive for as long as it lasts.
* When the consumer's thread dies, :meth:`Loop.run` raises: a process that doesn't poll must not live on.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress

from consumers.broker import Consumer, Message, TopicPartition
from consumers.committing import Commits
from consumers.dead_letters import DeadLetters
from consumers.dependencies import Dependency
from consumers.ends import Ends
from consumers.flight import Flight
from consumers.lanes import Lanes
from consumers.lifecycle import Record
from consumers.loop_options import LoopOptions
from consumers.monitor import LoopView
from consumers.outcomes import Report
from consumers.processing import Processor, Worker
from consumers.reach import Reach
from medie_fhir.errors import BrokerUnavailable, FhirConflict
from medie_fhir.telemetry import Telemetry

__all__ = ["Loop", "LoopOptions"]

log = logging.getLogger(__name__)

Offsets = Mapping[TopicPartition, int]


class Loop:
    """Runs a worker over a consumer's records. Runs once."""

    def __init__(
        self,
        *,
        consumer: Consumer,
        worker: Worker,
        dead_letters: DeadLetters,
        report: Report,
        options: LoopOptions | None = None,
        dependencies: Iterable[Dependency] = (),
        telemetry: Telemetry | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumer = consumer
        self._options = options or LoopOptions()
        self._processor = Processor(
            worker, dead_letters, report, self._options.retry, dependencies=dependencies, telemetry=telemetry
        )
        self._stage = worker.stage
        self._now = monotonic
        self._stopping = threading.Event()
        self._finishing = threading.Event()
        self._running = False
        self._failing = threading.Lock()
        self._error: BaseException | None = None
        self._flight = Flight(
            most=self._options.max_in_flight,
            most_bytes=self._options.max_in_flight_bytes,
            span_limit=self._options.span_limit,
            now=monotonic(),
        )
        # The consumer's thread's own:
        self._reach = Reach(consumer, self._stage, monotonic)
        self._commits = Commits(
            consumer,
            self._flight,
            self._reach,
            options=self._options,
            stage=self._stage,
            stopping=self._stopping,
            monotonic=monotonic,
        )
        self._ends = Ends(consumer, self._flight)
        self._held = False  # at the last look there was no room, and none came
        # The asyncio thread's own:
        self._asyncio: asyncio.AbstractEventLoop
        self._over: asyncio.Event
        self._lanes = Lanes(self._processor.process, self._flight.end, self._work_failed)

    async def run(self, *, until_end: bool = False) -> None:
        """Run until :meth:`stop`, or :meth:`finish`, which ``until_end`` calls at once.

        Raises what stopped it: an error whose policy is STOP, or whatever killed the consumer's thread.
        """
        self._asyncio, self._over = asyncio.get_running_loop(), asyncio.Event()
        if until_end:
            self.finish()
        thread = threading.Thread(target=self._own_consumer, name=f"{self._stage}-consumer", daemon=True)
        self._running = True
        thread.start()
        beating = asyncio.create_task(self._beat())
        try:
            await self._over.wait()
        except asyncio.CancelledError:
            self.stop()
            await self._over.wait()
            raise
        finally:
            self._running = False
            beating.cancel()
            await self._lanes.cancel()
            await self._processor.aclose()
            thread.join()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Begin nothing more, finish what runs, commit, leave the group. From any thread or signal handler."""
        self._stopping.set()
        if self._running:
            with suppress(RuntimeError):  # the asyncio loop ended meanwhile
                self._asyncio.call_soon_threadsafe(self._lanes.abandon)

    def finish(self) -> None:
        """Go on until all records that are there now are finished, and end. From any thread."""
        self._finishing.set()

    def check_presence(self) -> None:
        """Raise FhirConflict where the consumer's thread has not come round for so long that its place may be gone.

        A process that was frozen (a stopped container, a paused machine) goes on where it stood, while another member
        may have written newer versions: what it read before must be read again.
        """
        if self._now() - self._flight.watched.polled_at > self._options.absent_after_s:
            raise FhirConflict("this consumer was away for so long that others may have gone on: to be read again")

    def view(self) -> LoopView:
        """How it is now. From any thread."""
        return self._flight.view(
            self._now(),
            stage=self._stage,
            running=self._running and not self._stopping.is_set(),
            struggling=self._processor.struggling,
            retries=self._processor.retries,
            waiting=self._processor.waiting + self._reach.waiting,
        )

    # --- the consumer's thread --------------------------------------------------------------------------------------

    def _own_consumer(self) -> None:
        try:
            self._consumer.subscribe(self)
            while not self._stopping.is_set():
                self._step()
                if self._finishing.is_set() and self._ends.reached():
                    break
            self._drain_all()
        except BaseException as error:  # noqa: BLE001 - whatever it is, run() must raise it
            self._fail(error)
        finally:
            try:
                self._consumer.close()
            except Exception as error:  # noqa: BLE001 - all that could be committed is; the group finds out by itself
                log.warning("%s: leaving the group failed with %s", self._stage, type(error).__name__)
            self._asyncio.call_soon_threadsafe(self._over.set)

    def _step(self) -> None:
        """Poll once, and do what is due."""
        wait = self._wait_s()
        owned = self._consumer.assignment()
        to_pause, to_resume = self._flight.throttle(owned, outage=bool(self._processor.waiting))
        if to_pause or to_resume:
            self._consumer.pause(to_pause)
            self._consumer.resume(to_resume)
        if messages := self._polled(wait):
            records = self._flight.accept(messages, self._now())
            self._asyncio.call_soon_threadsafe(self._begin, records)
        self._commits.if_due()
        owned = self._consumer.assignment()
        self._flight.watched.came_round(self._now(), {p: self._consumer.high_water(p) for p in owned})

    def _wait_s(self) -> float:
        """How long the next poll may wait.

        Work that ends soon is waited for here: a partition that is paused is not read ahead, so pausing takes time.
        Where it doesn't end soon, all further waiting is the polls': a rebalance gets on in them alone.
        """
        options, flight = self._options, self._flight
        patience = 0.0 if self._held else options.busy_poll_s
        self._held = not self._processor.waiting and not flight.wait_room(patience)
        if self._held:
            return options.held_poll_s
        return options.busy_poll_s if flight.busy else options.idle_poll_s

    def _polled(self, wait: float) -> list[Message]:
        options, flight = self._options, self._flight
        try:
            return self._consumer.poll(wait, flight.room)
        except BrokerUnavailable as error:
            log.warning("%s: polling failed with %s", self._stage, type(error).__name__)
            self._reach.look()
            self._stopping.wait(options.idle_poll_s)
            return []

    def _drain_all(self) -> None:
        """Begin nothing more, give what runs its time, and commit."""
        deadline = self._now() + self._options.drain_s
        self._asyncio.call_soon_threadsafe(self._lanes.abandon)
        if left := self._flight.wait_empty(self._options.drain_s):
            log.warning("%s: %d records were not finished in time and will be delivered again", self._stage, left)
        while not self._commits.make() and self._now() < deadline:
            time.sleep(self._options.busy_poll_s)

    # --- the asyncio thread -----------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Show that the work's loop comes round."""
        while True:
            self._flight.watched.beat_at = self._now()
            await asyncio.sleep(1.0)

    def _begin(self, records: list[Record]) -> None:
        self._lanes.begin(records)
        if self._stopping.is_set():
            self._lanes.abandon()

    def _work_failed(self, error: BaseException) -> None:
        self._fail(error)
        self._lanes.abandon()

    def _drain(self, partitions: frozenset[TopicPartition], epoch: int, offsets: Future[Offsets]) -> None:
        """Partitions are about to go: let what runs finish, then say what to commit, and forget them."""

        def give_up() -> None:
            offsets.set_result(self._flight.give_up(partitions, epoch))

        self._lanes.abandon(partitions)
        self._lanes.when_settled(partitions, self._options.drain_s, give_up)

    # --- called by the broker, on any thread (see consumers.broker.RebalanceListener) -------------------------------

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Partitions came."""
        self._flight.assigned(partitions)

    def revoked(self, partitions: frozenset[TopicPartition]) -> Future[Offsets]:
        """Partitions are about to go."""
        offsets: Future[Offsets] = Future()
        self._asyncio.call_soon_threadsafe(self._drain, partitions, self._flight.revoked(partitions), offsets)
        return offsets

    def lost(self, partitions: frozenset[TopicPartition]) -> None:
        """Partitions are gone."""
        self._flight.lost(partitions)
        self._asyncio.call_soon_threadsafe(self._lanes.abandon, partitions)

    # --- any thread -------------------------------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        """Stop, and let run() raise the first error."""
        with self._failing:
            self._error = self._error or error
        self._stopping.set()
