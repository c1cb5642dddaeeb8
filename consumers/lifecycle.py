"""A record's states, and the moves between them that are legal: the law of "nothing lost" as a table.

::

    WAITING ──► RUNNING ──────────────► DONE      handled, or skipped
       │        │  ▲  └──► CONDEMNED ──► DONE      its dead letter is acknowledged
       │        ▼  │            │
       │      BACKING_OFF       │
       ▼           ▼            ▼
    DROPPED ◄──────┴────────────┘                 never counted: it will be delivered again

Only DONE lets a partition's offset move past a record. Nothing leads out of DONE or DROPPED.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from consumers.broker import Message, TopicPartition

__all__ = ["MOVES", "IllegalMove", "Record", "State"]


class State(Enum):
    """Where a record is on its way through the loop."""

    WAITING = auto()  # polled; behind another of its key, not yet begun, or held back by an outage
    RUNNING = auto()  # a worker has it
    BACKING_OFF = auto()  # the world failed it: it will run again
    CONDEMNED = auto()  # its dead letter is on the way
    DONE = auto()
    DROPPED = auto()  # let go unfinished: its partition goes, or the loop stops

    __hash__ = object.__hash__  # a member is one object; Enum's own hash is slow, and this is asked for each record


MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.WAITING: frozenset({State.RUNNING, State.DROPPED}),
    State.RUNNING: frozenset({State.DONE, State.BACKING_OFF, State.CONDEMNED, State.DROPPED}),
    State.BACKING_OFF: frozenset({State.RUNNING, State.DROPPED}),
    State.CONDEMNED: frozenset({State.DONE, State.DROPPED}),
    State.DONE: frozenset(),
    State.DROPPED: frozenset(),
}


_WAITING: Final = State.WAITING  # looked up in the class it costs more than the rest of a record


class IllegalMove(RuntimeError):
    """A move that the table doesn't know: a fault of the loop, never of a record."""


class Record:
    """A message on its way. Lives on the asyncio loop's thread.

    ``epoch`` is that of the assignment it was polled under, ``size`` in bytes. ``abandoned``: it must not begin, or try
    again, any more; what runs may finish.
    """

    __slots__ = ("_state", "_told", "abandoned", "epoch", "message", "place", "size")

    def __init__(self, message: Message, place: TopicPartition, epoch: int) -> None:
        self.message = message
        self.place = place
        self.epoch = epoch
        self.size = len(message.value or b"") + len(message.key or b"")
        self.abandoned = False
        self._state = _WAITING
        self._told: asyncio.Event | None = None  # made only for a record that waits: most never do

    @property
    def state(self) -> State:
        """Where it is."""
        return self._state

    def abandon(self) -> None:
        """Let it not begin, or try again, any more."""
        self.abandoned = True
        if self._told is not None:
            self._told.set()

    async def until_abandoned(self) -> None:
        """Return when it is abandoned."""
        if self._told is None:
            self._told = asyncio.Event()
            if self.abandoned:
                self._told.set()
        await self._told.wait()

    def move(self, to: State) -> None:
        """Go there, or raise IllegalMove."""
        if to not in MOVES[self._state]:
            raise IllegalMove(f"a record can't go from {self._state.name} to {to.name}")
        self._state = to
