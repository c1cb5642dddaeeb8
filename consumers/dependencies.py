"""What a stage depends on, and whether it is away: the circuit that pauses the stream in an outage.

A record that fails again and again is either the record's own fault or an outage. Other records' successes don't
tell: a note that is triaged succeeds while the model is down. So the dependency itself is asked (``probe``), and what
it did for others is counted (``worked``).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from consumers.monitor import Waiting
from medie_fhir.errors import MedieError, Policy

__all__ = ["Circuit", "Circuits", "Dependency"]

log = logging.getLogger(__name__)

_PROBE_S: Final = 15.0  # a server that hangs is as good as away


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that a stage's work needs.

    ``errors``: the classes that mean that it failed. ``probe`` returns when it answers, else it raises a MedieError.
    ``worked``: how many pieces of work it has done for us so far.
    """

    name: str
    errors: tuple[type[MedieError], ...]
    probe: Callable[[], Awaitable[object]]
    worked: Callable[[], int]


class Circuit:
    """Closed while its dependency is there; open from a probe that failed until one that didn't.

    Lives on one asyncio loop; ``waiting`` may be read from any thread. Probes come at waits that double from
    ``first_s`` to ``longest_s``, each shortened by chance, and an answer must come within ``answer_s`` (15).
    ``error`` is what the last probe met that failed; None where it hung.
    """

    def __init__(
        self, dependency: Dependency, *, first_s: float = 1.0, longest_s: float = 15.0, answer_s: float | None = None
    ) -> None:
        self.dependency = dependency
        self.error: MedieError | None = None
        self._answer_s = answer_s
        self._first_s, self._longest_s = first_s, longest_s
        self._closed = asyncio.Event()
        self._closed.set()
        self._open_since: float | None = None
        self._asking: asyncio.Task[bool] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._ended = False

    @property
    def open(self) -> bool:
        """Whether its dependency is away."""
        return self._open_since is not None

    @property
    def waiting(self) -> Waiting | None:
        """The outage, where there is one."""
        since = self._open_since
        return None if since is None else Waiting(self.dependency.name, time.monotonic() - since)

    async def closed(self) -> None:
        """Return when there is no outage."""
        await self._closed.wait()

    async def doubt(self) -> None:
        """Ask the dependency, unless someone is asking already; the circuit is open afterwards where it is away."""
        if self._open_since is not None:
            return
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._answers())
        if not await asyncio.shield(self._asking) and self._open_since is None:
            self._open_since = time.monotonic()
            self._closed.clear()
            log.warning("%s is away: paused until it answers", self.dependency.name)
            self._watch = asyncio.create_task(self._until_it_answers())

    async def aclose(self) -> None:
        """End the probes."""
        self._ended = True
        tasks = [task for task in (self._asking, self._watch) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_it_answers(self) -> None:
        wait = self._first_s
        while True:
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the members; no secret
            wait = min(wait * 2, self._longest_s)
            if await self._answers():
                break
        seconds = time.monotonic() - (self._open_since or 0.0)
        self._open_since = None
        self._closed.set()
        log.warning("%s answers again after %.1f s: going on", self.dependency.name, seconds)

    async def _answers(self) -> bool:
        """Whether it is there. An answer that a person must act on is an answer: the next record will meet it."""
        try:
            async with asyncio.timeout(self._answer_s or _PROBE_S):
                await self.dependency.probe()
        except TimeoutError:
            self.error = None
            return False
        except MedieError as error:
            self.error = error
            return error.policy is not Policy.RETRY
        except (Exception, asyncio.CancelledError) as error:  # a fault in a probe must not end the stream
            if self._ended and isinstance(error, asyncio.CancelledError):
                raise
            log.error("asking %s failed with %s", self.dependency.name, type(error).__name__)  # noqa: TRY400
        return True


class Circuits:
    """The circuits of a stage."""

    def __init__(
        self,
        dependencies: Iterable[Dependency],
        *,
        first_s: float = 1.0,
        longest_s: float = 15.0,
        answer_s: float | None = None,
    ) -> None:
        self._all = [Circuit(d, first_s=first_s, longest_s=longest_s, answer_s=answer_s) for d in dependencies]

    @property
    def open(self) -> bool:
        """Whether there is an outage."""
        for circuit in self._all:  # noqa: SIM110 - asked for each record, and any() takes three times as long
            if circuit.open:
                return True
        return False

    def of(self, error: BaseException) -> Circuit | None:
        """That of the dependency which failed with this error; None where no dependency claims it."""
        return next((c for c in self._all if isinstance(error, c.dependency.errors)), None)

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """The outages. Read from any thread."""
        return tuple(outage for circuit in self._all if (outage := circuit.waiting) is not None)

    async def doubt(self) -> None:
        """Ask all of them at once."""
        await asyncio.gather(*(circuit.doubt() for circuit in self._all))

    def outlasting(self, seconds: float) -> Circuit | None:
        """One whose outage has lasted so long; None where none has."""
        return next((c for c in self._all if (outage := c.waiting) is not None and outage.seconds >= seconds), None)

    async def closed(self) -> None:
        """Return when there is no outage."""
        while self.open:
            for circuit in self._all:
                await circuit.closed()

    async def aclose(self) -> None:
        """End all probes."""
        await asyncio.gather(*(circuit.aclose() for circuit in self._all))
