"""One record's way: handled, tried again, condemned or skipped, as the policy of its error says."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from typing import Any, Protocol

from consumers.broker import Message
from consumers.dead_letters import DeadLetters, TooManyDeadLetters
from consumers.dependencies import Circuit, Circuits, Dependency
from consumers.lifecycle import Record, State
from consumers.monitor import Waiting
from consumers.outcomes import NoteFailed, NoteOutcome, Report, Verdict, policy_of
from consumers.retrying import Burst, RetryOptions, Tries
from medie_fhir.errors import NoteSkipped, Policy
from medie_fhir.telemetry import TRACE_HEADERS, Silent, Telemetry

__all__ = ["Processor", "Worker"]

log = logging.getLogger(__name__)

_RUNNING, _DONE = State.RUNNING, State.DONE  # each record goes there, and looking them up in the class costs as much


class Worker(Protocol):
    """What is done with each record."""

    stage: str
    """Its name, in dead letters and outcomes."""

    async def handle(self, message: Message) -> None:
        """Do all of it; what it writes is acknowledged when it returns. May run again for the same record.

        Raises what went wrong, as it is or in a :class:`~consumers.outcomes.NoteFailed`.
        """
        ...


class Processor:
    """Takes records through their lifecycle, on one asyncio loop."""

    def __init__(
        self,
        worker: Worker,
        dead_letters: DeadLetters,
        report: Report,
        options: RetryOptions,
        *,
        dependencies: Iterable[Dependency] = (),
        telemetry: Telemetry | None = None,
    ) -> None:
        self._worker = worker
        self._dead_letters = dead_letters
        self._report = report
        self._options = options
        self._dependencies = tuple(dependencies)
        self._circuits = Circuits(self._dependencies, first_s=options.probe_s, longest_s=options.longest_probe_s)
        self._telemetry = telemetry
        self._silent = Silent()
        self._burst = Burst(options.dead_letter_burst)
        self._struggling: set[Record] = set()
        self._retries = 0

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """What is away, so that no more records should be begun. Read from any thread."""
        return self._circuits.waiting

    @property
    def struggling(self) -> int:
        """How many records have failed so often that their dependency was asked. Read from any thread."""
        return len(self._struggling)

    @property
    def retries(self) -> int:
        """How many attempts failed and were to be made again. Read from any thread."""
        return self._retries

    async def aclose(self) -> None:
        """Ask no dependency any more."""
        await self._circuits.aclose()

    def process(self, record: Record) -> Awaitable[None]:
        """Take a record to DONE or DROPPED. What it raises stops the loop, and leaves the record undone."""
        if self._telemetry is None and not record.message.headers:
            return self._take(record)
        return self._traced(record, self._telemetry or self._silent)

    async def _traced(self, record: Record, telemetry: Telemetry) -> None:
        with telemetry.record(self._worker.stage, _trace(record.message)):
            await self._take(record)

    async def _take(self, record: Record) -> None:
        tries: Tries | None = None
        try:
            while not record.abandoned:
                if self._circuits.open:
                    await self._outage_over(record)
                    if tries is not None:
                        tries.waits = 0
                    continue
                record.move(_RUNNING)
                began = time.perf_counter()
                try:
                    await self._worker.handle(record.message)
                except BaseException as error:  # every error has a policy, and a bug's is the dead letter
                    if _ends_us(error):
                        raise
                    failure = error if isinstance(error, NoteFailed) else NoteFailed(error)
                else:
                    self._burst.finished(False)
                    record.move(_DONE)
                    return
                tries = tries or Tries(began)
                if await self._failed(record, failure, tries, began):
                    return
            record.move(State.DROPPED)
        finally:
            if tries is not None:
                self._struggling.discard(record)

    async def _failed(self, record: Record, failure: NoteFailed, tries: Tries, began: float) -> bool:
        """An attempt failed: wait for the next; or, and then it is True, that was the last."""
        tries.attempts += 1
        self._report.failed(self._worker.stage, failure.error)
        retry = policy_of(failure.error) is Policy.RETRY
        if retry:
            tries.failed(failure.error, self._dependencies)
        if not retry or tries.own >= self._options.max_attempts:
            await self._settle(record, failure, tries.attempts, began)
            return True
        self._retries += 1
        record.move(State.BACKING_OFF)
        struggled = time.perf_counter() - tries.began >= self._options.outage_after_s
        if struggled or tries.attempts >= self._options.outage_after:
            self._struggling.add(record)
            if (circuit := self._circuits.of(failure.error)) is not None:
                await self._ask(circuit, record)
        await self._back_off(record, failure.error, tries)
        return False

    async def _ask(self, circuit: Circuit, record: Record) -> None:
        """Ask a dependency whether it is there; for a record that is abandoned meanwhile, no longer."""
        await _first(circuit.doubt(), record.until_abandoned())

    async def _outage_over(self, record: Record) -> None:
        """Wait until nothing is away, or the record is abandoned; then a little, so that not all begin at once."""
        await _first(self._circuits.closed(), record.until_abandoned())
        await self._pause(record, random.uniform(0, self._options.spread_s))  # noqa: S311 - no secret hangs on it

    async def _settle(self, record: Record, failure: NoteFailed, attempts: int, began: float) -> None:
        """Skip it, condemn it, or raise what stops the loop."""
        error, message = failure.error, record.message
        if policy_of(error) is Policy.STOP:
            record.move(State.DROPPED)
            raise error
        if policy_of(error) is Policy.SKIP:
            self._burst.finished(False)
            verdict, detail = Verdict.SKIPPED, error.reason if isinstance(error, NoteSkipped) else type(error).__name__
        else:
            record.move(State.CONDEMNED)
            if not await self._condemn(record, failure, attempts):
                return
            verdict, detail = Verdict.DEAD_LETTER, type(error).__name__
        record.move(State.DONE)
        self._report.finished(
            NoteOutcome.of(
                message,
                stage=self._worker.stage,
                verdict=verdict,
                detail=detail,
                document=failure.document,
                seconds=time.perf_counter() - began,
            )
        )

    async def _condemn(self, record: Record, failure: NoteFailed, attempts: int) -> bool:
        """Send the dead letter for as long as it takes; False where the record was dropped before."""
        message, error = record.message, failure.error
        if self._burst.over:
            record.move(State.DROPPED)
            raise TooManyDeadLetters(
                f"{self._burst.limit} of the last {self._burst.records} records at stage {self._worker.stage} became"
                f" dead letters, and the next would by {type(error).__name__}: nothing more is taken. Look at them with"
                " `medie-fhir dead-letters list --since 1h`, mend the release, setting or sender, and start again"
            )
        self._burst.finished(True)
        _log_condemned(message, self._worker.stage, error)
        tries = Tries(time.perf_counter())
        while True:
            tries.attempts += 1
            try:
                await self._dead_letters.send(
                    message, error, stage=self._worker.stage, attempts=attempts, key=failure.key
                )
            except Exception as trouble:
                self._report.failed(self._worker.stage, trouble)
                if policy_of(trouble) is not Policy.RETRY:
                    record.move(State.DROPPED)
                    raise
                await self._back_off(record, trouble, tries)
                if record.abandoned:
                    record.move(State.DROPPED)
                    return False
            else:
                return True

    async def _back_off(self, record: Record, error: BaseException, tries: Tries) -> None:
        """Wait until it is time to try again, or the record is abandoned."""
        wait, patient = tries.wait_s(error, self._options), tries.attempts < self._options.outage_after
        message, level = record.message, logging.INFO if patient else logging.WARNING
        log.log(
            level,
            "%s: %s[%d]@%d waits: %s, attempt %d, again in %.1f s",
            self._worker.stage,
            message.topic,
            message.partition,
            message.offset,
            type(error).__name__,
            tries.attempts,
            wait,
        )
        await self._pause(record, wait)

    async def _pause(self, record: Record, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await record.until_abandoned()
        except TimeoutError:
            return


async def _first(*works: Coroutine[Any, Any, None]) -> None:
    """Return when the first of these does, and end the others. Raises what that first one raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _ends_us(error: BaseException) -> bool:
    """Whether it is meant for the task or the program, and not for the record.

    A cancellation that nobody asked for is a library's fault, and so is a panic of native code: neither may leave a
    record undone for ever.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit))


def _trace(message: Message) -> Mapping[str, str]:
    """The trace headers of a record, as far as they are text."""
    found = ((name, value) for name, value in message.headers if name in TRACE_HEADERS and value)
    return {name: value.decode("ascii", "replace") for name, value in found}


def _log_condemned(message: Message, stage: str, error: BaseException) -> None:
    """Where and by which class; for a bug also the line of code. Never the text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    line = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"
    log.warning(
        "%s: %s[%d]@%d becomes a dead letter by %s (%s)",
        stage,
        message.topic,
        message.partition,
        message.offset,
        type(error).__name__,
        line,
    )
