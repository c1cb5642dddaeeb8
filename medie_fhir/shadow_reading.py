"""A second adapter reads the notes that the first has read: nothing of it is written, differences are counted.

The first never waits for it, and no fault of it is the first's: a note is put in a queue of bounded length, or dropped
where that is full. One note is read at a time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from medie_fhir.coding import Tables
from medie_fhir.model import DocumentInfo, Fact, NoteText, Produced
from medie_fhir.ports import Clock
from medie_fhir.reading import MODEL, NoteRead, Readers
from medie_fhir.telemetry import Silent

__all__ = ["Compared", "ShadowReading", "differences"]


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of a note at the shadow. ``differences`` counts by field and kind; ``error``: a class's name.

    Kinds are ``agree``, ``only-first`` and ``only-second``. No value is in it.
    """

    document: DocumentInfo
    result: Literal["compared", "failed", "dropped"]
    first: Produced
    second: Produced | None = None
    differences: Mapping[tuple[str, str], int] = field(default_factory=dict)
    error: str | None = None


def differences(first: Iterable[Fact], second: Iterable[Fact]) -> dict[tuple[str, str], int]:
    """How many values of a field are of both, of the first alone, of the second alone.

    Only what the model itself saw counts. Two values are one where they are the same words, in any case and spacing,
    and the note says the same of them.
    """
    one, other = Counter(map(_said, _of_model(first))), Counter(map(_said, _of_model(second)))
    kinds = {"agree": one & other, "only-first": one - other, "only-second": other - one}
    found: Counter[tuple[str, str]] = Counter()
    for kind, said in kinds.items():
        for words, count in said.items():
            found[words[0], kind] += count
    return dict(found)


class ShadowReading:
    """The shadow of a pipeline. ``told`` hears what became of each note; ``most`` wait at once."""

    def __init__(self, readers: Readers, clock: Clock, told: Callable[[Compared], None], most: int) -> None:
        self._readers, self._clock, self._told = readers, clock, told
        self._waiting: asyncio.Queue[tuple[DocumentInfo, NoteText, NoteRead, Tables]] = asyncio.Queue(most)
        self._unread = 0

    def offer(self, document: DocumentInfo, note: NoteText, read: NoteRead, tables: Tables) -> None:
        """A note that the first has read. Returns at once, and raises nothing."""
        if read.triaged:
            return
        try:
            self._waiting.put_nowait((document, note, read, tables))
        except asyncio.QueueFull:
            self._told(Compared(document, "dropped", read.by))
        else:
            self._unread += 1

    async def run(self) -> None:
        """Read what is offered, until cancelled."""
        while True:
            document, note, read, tables = await self._waiting.get()
            try:
                second = await self._readers.read(note, tables, self._clock, Silent())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is not the first's
                self._told(Compared(document, "failed", read.by, error=type(error).__name__))
            else:
                found = differences(read.facts, second.facts)
                self._told(Compared(document, "compared", read.by, second.by, found))
            finally:
                self._unread -= 1
                self._waiting.task_done()

    async def done(self) -> None:
        """Wait until all that was offered is read."""
        await self._waiting.join()

    async def ended(self, seconds: float) -> int:
        """Wait so long at most for all that was offered to be read; how many notes were not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.done()
        return self._unread


def _of_model(facts: Iterable[Fact]) -> Iterable[Fact]:
    return (fact for fact in facts if MODEL in fact.readers)


def _said(fact: Fact) -> tuple[str, ...]:
    return fact.field, " ".join(fact.value.casefold().split()), fact.assertion, fact.experiencer
