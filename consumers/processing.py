"""One record's way: handled, tried again, condemned or skipped, as the policy of its error says."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from typing import Protocol

from consumers.broker import Message
from consumers.dead_letters import DeadLetters, TooManyDeadLetters
from consumers.lifecycle import Record, State
from consumers.outcomes import NoteFailed, NoteOutcome, Report, Verdict, policy_of
from medie_fhir.errors import NoteSkipped, Policy

__all__ = ["Processor", "RetryOptions", "Worker"]

log = logging.getLogger(__name__)


class Worker(Protocol):
    """What is done with each record."""

    stage: str
    """Its name, in dead letters and outcomes."""

    async def handle(self, message: Message) -> None:
        """Do all of it; what it writes is acknowledged when it returns. May run again for the same record.

        Raises what went wrong, as it is or in a :class:`~consumers.outcomes.NoteFailed`.
        """
        ...


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """How a record is tried again. Waits double from ``initial_s`` up to ``max_s``, each shortened by chance.

    A server's Retry-After makes a wait longer, up to ``longest_retry_after_s``: a date that is years away, or a wrong
    clock, must not hold a partition for ever.

    After ``outage_after`` attempts without another record's success between them, it is an outage. So many dead
    letters in a row (``max_dead_letters_in_a_row``, 0 for no limit) stop the loop.
    """

    initial_s: float = 0.2
    max_s: float = 30.0
    longest_retry_after_s: float = 600.0
    outage_after: int = 5
    max_dead_letters_in_a_row: int = 100


class Processor:
    """Takes records through their lifecycle, on one asyncio loop."""

    def __init__(self, worker: Worker, dead_letters: DeadLetters, report: Report, options: RetryOptions) -> None:
        self._worker = worker
        self._dead_letters = dead_letters
        self._report = report
        self._options = options
        self._successes = 0
        self._dead_in_a_row = 0
        self._struggling: set[Record] = set()
        self._stuck = False

    @property
    def outage(self) -> bool:
        """Whether what we depend on is away, so that no more records should be begun. Read from any thread."""
        return self._stuck and bool(self._struggling)

    async def process(self, record: Record) -> None:
        """Take a record to DONE or DROPPED. What it raises stops the loop, and leaves the record undone."""
        attempts, seen = 0, self._successes
        try:
            while not record.abandoned.is_set():
                record.move(State.RUNNING)
                attempts += 1
                began = time.perf_counter()
                failure = await self._attempt(record.message)
                if failure is None:
                    self._succeeded()
                    record.move(State.DONE)
                    return
                if policy_of(failure.error) is not Policy.RETRY:
                    await self._settle(record, failure, attempts, began)
                    return
                record.move(State.BACKING_OFF)
                if attempts >= self._options.outage_after:
                    self._struggling.add(record)
                    self._stuck = self._stuck or self._successes == seen
                seen = self._successes
                await self._back_off(record, failure.error, attempts)
            record.move(State.DROPPED)
        finally:
            self._struggling.discard(record)

    async def _attempt(self, message: Message) -> NoteFailed | None:
        try:
            await self._worker.handle(message)
        except NoteFailed as failed:
            return failed
        except Exception as error:  # noqa: BLE001 - every error has a policy, and a bug's is the dead letter
            return NoteFailed(error)
        return None

    async def _settle(self, record: Record, failure: NoteFailed, attempts: int, began: float) -> None:
        """Skip it, condemn it, or raise what stops the loop."""
        error, message = failure.error, record.message
        if policy_of(error) is Policy.STOP:
            record.move(State.DROPPED)
            raise error
        if policy_of(error) is Policy.SKIP:
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
        limit = self._options.max_dead_letters_in_a_row
        if limit and self._dead_in_a_row >= limit:
            record.move(State.DROPPED)
            raise TooManyDeadLetters(
                f"{limit} records in a row became dead letters, the last by {type(error).__name__}: nothing more is "
                "taken. Look at the latest release, settings and dead letters, and start again"
            )
        self._dead_in_a_row += 1
        _log_condemned(message, self._worker.stage, error)
        tries = 0
        while True:
            tries += 1
            try:
                await self._dead_letters.send(
                    message, error, stage=self._worker.stage, attempts=attempts, key=failure.key
                )
            except Exception as trouble:
                if policy_of(trouble) is not Policy.RETRY:
                    record.move(State.DROPPED)
                    raise
                await self._back_off(record, trouble, tries)
                if record.abandoned.is_set():
                    record.move(State.DROPPED)
                    return False
            else:
                return True

    def _succeeded(self) -> None:
        self._successes += 1
        self._dead_in_a_row = 0
        self._stuck = False

    async def _back_off(self, record: Record, error: Exception, attempts: int) -> None:
        """Wait until it is time to try again, or the record is abandoned."""
        options = self._options
        wait = min(options.max_s, options.initial_s * 2 ** min(attempts - 1, 30))
        wait *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads the attempts; no secret hangs on it
        wait = max(wait, min(getattr(error, "retry_after", None) or 0.0, options.longest_retry_after_s))
        message, level = record.message, logging.WARNING if attempts >= options.outage_after else logging.INFO
        log.log(
            level,
            "%s: %s[%d]@%d waits: %s, attempt %d, again in %.1f s",
            self._worker.stage,
            message.topic,
            message.partition,
            message.offset,
            type(error).__name__,
            attempts,
            wait,
        )
        try:
            async with asyncio.timeout(wait):
                await record.abandoned.wait()
        except TimeoutError:
            return


def _log_condemned(message: Message, stage: str, error: Exception) -> None:
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
