"""Letters are settled: their records are sent again to where they came from, or they are set aside.

A letter is settled by its marker, which is written after the record is acknowledged. So a command that is run again
finds them settled and sends nothing; one that was killed between the two sends a record twice, which harms nothing,
because all that the consumers write is idempotent.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Container, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from consumers.broker import Broker, Message, Producer
from consumers.dead_letters.headers import SETTLED, SETTLES, original_headers, redrive_headers
from consumers.dead_letters.letter import Facts, Letter, LetterId, Settled
from consumers.outcomes import policy_of
from medie_fhir.errors import MedieError, Policy

__all__ = ["OriginalGone", "Result", "Settler", "Work", "read_again", "refusal"]

_BATCH: Final = 100  # letters held in memory at once, with their values

Act = Callable[[Letter, Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one letter: ``error`` is None where it was settled; ``held`` where it was not tried at all."""

    letter: Letter
    error: Exception | None = None
    held: bool = False


def refusal(letter: Letter, topics: Container[str], limit: int) -> str | None:
    """Why a letter must not be sent again, or None. ``topics`` are those that a record of ours can come from."""
    facts = letter.facts
    if facts is None:
        return "not a dead letter of ours"
    if facts.topic not in topics:  # a forged header must not make us write elsewhere
        return f"came from {facts.topic}, which is none of our topics: see kafka.events and kafka.extractions"
    if facts.redrives >= limit:
        return f"sent again {facts.redrives} times already: find out why it fails (--inline), or raise --limit"
    return None


class OriginalGone(MedieError):
    """A letter only refers to its record, and retention has taken that from its topic."""


class Settler:
    """Settles letters of one topic of dead letters."""

    def __init__(self, broker: Broker, producer: Producer, topic: str) -> None:
        self._broker = broker
        self._producer = producer
        self._topic = topic

    async def original(self, letter: Letter, message: Message) -> Message:
        """The record that a letter was written for; ``message`` is the letter's own. Raises OriginalGone, BrokerError.

        Its headers are the sender's, and ours that count how often it was tried and sent again. Its time is its own,
        for it is a tombstone's only version: a later one would win over a document that has come back since.
        """
        facts = letter.facts
        if facts is None:
            raise ValueError("not a dead letter of ours")
        kept = await asyncio.to_thread(_referred, self._broker, facts) if facts.omitted else message
        at = kept.timestamp_ms if facts.omitted or facts.timestamp_ms is None else facts.timestamp_ms
        headers = (*original_headers(kept.headers), *redrive_headers(message))
        return Message(facts.topic, facts.partition, facts.offset, kept.key, kept.value, headers, at)

    async def redrive(self, letter: Letter, message: Message) -> None:
        """Send a letter's record again to where it came from, and settle the letter. As ``original`` raises."""
        again = await self.original(letter, message)
        await self._producer.send(
            again.topic, key=again.key, value=again.value, headers=again.headers, timestamp_ms=again.timestamp_ms
        )
        await self.settle(letter, Settled.REDRIVEN)

    async def discard(self, letter: Letter, message: Message) -> None:
        """Set a letter aside. Raises BrokerError."""
        del message
        await self.settle(letter, Settled.DISCARDED)

    async def settle(self, letter: Letter, how: Settled) -> None:
        """Write a letter's marker; returns once it is acknowledged. Raises BrokerError.

        It has the letter's key, so that it lies in the same partition and outlives the letter there.
        """
        headers = ((SETTLES, f"{self._topic}:{letter.id}".encode()), (SETTLED, how.value.encode()))
        await self._producer.send(self._topic, key=letter.key, value=b"", headers=headers)


def _referred(broker: Broker, facts: Facts) -> Message:
    """The record itself, from its topic: read from its time on, so that it is among the first that come."""
    for message in broker.read(facts.topic, since_ms=facts.timestamp_ms):
        if message.partition == facts.partition and message.offset >= facts.offset:
            if message.offset == facts.offset:
                return message
            break
    raise OriginalGone(f"{facts.topic}[{facts.partition}]@{facts.offset} is no longer there: ask its sender for it")


async def read_again(broker: Broker, topic: str, wanted: Collection[LetterId]) -> AsyncIterator[list[Message]]:
    """The records of the letters that are wanted, in their order, some at a time: values may be large, and many.

    Those that retention has taken meanwhile don't come.
    """

    def chosen() -> Generator[Message, None, None]:
        left = set(wanted)
        for message in broker.read(topic):
            if (id_ := LetterId(message.partition, message.offset)) in left:
                left.remove(id_)
                yield message
                if not left:
                    return

    loop, messages = asyncio.get_running_loop(), chosen()
    with ThreadPoolExecutor(1, thread_name_prefix="dead-letters") as thread:  # what reads belongs to one thread
        try:
            while batch := await loop.run_in_executor(thread, lambda: list(itertools.islice(messages, _BATCH))):
                yield batch
        finally:
            await loop.run_in_executor(thread, messages.close)


class Work:
    """Does something with letters; those of one key one after another, others side by side. ``told`` hears of each.

    After one that failed and may succeed later (RETRY), the others of its key are held back: a newer version of a
    document must not come before an older one. An error that a person must act on (STOP) is raised when what was begun
    is done.
    """

    def __init__(self, act: Act, told: Callable[[Result], None], *, at_once: int = 32) -> None:
        self._act = act
        self._told = told
        self._slots = asyncio.Semaphore(at_once)
        self._failed: set[bytes] = set()
        self._stop: Exception | None = None

    async def through(self, batch: Iterable[tuple[Letter, Message]]) -> None:
        """Do it with all of a batch."""
        chains: defaultdict[object, list[tuple[Letter, Message]]] = defaultdict(list)
        for letter, message in batch:
            chains[letter.id if letter.key is None else letter.key].append((letter, message))
        await asyncio.gather(*(self._chain(items) for items in chains.values()))
        if self._stop:
            raise self._stop

    async def _chain(self, items: list[tuple[Letter, Message]]) -> None:
        for letter, message in items:
            async with self._slots:
                if self._stop is not None:
                    return
                self._told(await self._one(letter, message))

    async def _one(self, letter: Letter, message: Message) -> Result:
        if letter.key in self._failed:
            return Result(letter, held=True)
        try:
            await self._act(letter, message)
        except Exception as error:  # noqa: BLE001 - one letter's; the caller tells its class
            policy = policy_of(error)
            if policy is Policy.RETRY and letter.key is not None:
                self._failed.add(letter.key)
            if policy is Policy.STOP:
                self._stop = error
            return Result(letter, error)
        return Result(letter)
