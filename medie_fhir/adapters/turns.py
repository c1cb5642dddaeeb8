"""Who may go next, where each stands in a line for every name that it has to itself: patients, say. Pure.

A turn may begin when it is the first in all its lines; of those that may, the one that came first. It stays the first
of its lines until it leaves, so no two of one name run at once, and none overtakes another of its name. To join, to
begin and to leave take a time that grows with a turn's own names, and not with how many wait.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["Turn", "Turns"]

T = TypeVar("T")


@dataclass(slots=True, order=True)
class Turn(Generic[T]):
    """A place in the lines of ``names``, for ``who``."""

    number: int
    names: frozenset[str] = field(compare=False)
    who: T = field(compare=False)
    lines_before: int = field(default=0, compare=False)
    """In so many of its lines it is not the first."""
    begun: bool = field(default=False, compare=False)
    left: bool = field(default=False, compare=False)


class Turns(Generic[T]):
    """All turns that wait or run."""

    def __init__(self) -> None:
        self._lines: dict[str, OrderedDict[int, Turn[T]]] = {}  # of a name that nobody waits for, nothing is kept
        self._ready: list[Turn[T]] = []  # a heap; who left meanwhile is passed over
        self._number = 0
        self.waiting = 0
        self.running = 0

    def join(self, names: frozenset[str], who: T) -> Turn[T]:
        """Stand in line."""
        self._number += 1
        turn = Turn(self._number, names, who)
        for name in names:
            line = self._lines.setdefault(name, OrderedDict())
            turn.lines_before += bool(line)
            line[turn.number] = turn
        self.waiting += 1
        if not turn.lines_before:
            heapq.heappush(self._ready, turn)
        return turn

    def begin(self) -> Turn[T] | None:
        """Whose turn it is, and it is taken to run from now on; None where nobody may begin."""
        while self._ready:
            turn = heapq.heappop(self._ready)
            if not turn.left:
                turn.begun = True
                self.waiting -= 1
                self.running += 1
                return turn
        return None

    def leave(self, turn: Turn[T]) -> None:
        """It is done, or has given up."""
        turn.left = True
        self.running -= turn.begun
        self.waiting -= not turn.begun
        for name in turn.names:
            line = self._lines[name]
            was_first = next(iter(line)) == turn.number
            del line[turn.number]
            if not line:
                del self._lines[name]
            elif was_first:
                first = next(iter(line.values()))
                first.lines_before -= 1
                if not first.lines_before:
                    heapq.heappush(self._ready, first)
