"""A FHIR server that is asked for no more than it can take, and for one thing at a time where order matters."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from medie_fhir.adapters.aimd import Aimd
from medie_fhir.adapters.passing import Passing
from medie_fhir.adapters.turns import Turns
from medie_fhir.errors import FhirRejected, FhirThrottled, FhirUnavailable
from medie_fhir.model import Json
from medie_fhir.ports import FhirServer

__all__ = ["PacedFhir", "subjects"]

_LONGEST_PAUSE = 600.0  # seconds; a server that asks for more is asked again all the same

Later = Callable[[float, Callable[[], None]], object]


def _later(seconds: float, call: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, call)


class PacedFhir(Passing):
    """A FhirServer (see ports) that passes all on, and transactions at the pace that the server can take.

    - At most ``most`` run at once, and fewer while the server throttles, fails or is slow (:mod:`.aimd`).
    - A ``Retry-After`` holds back every beginning until then, 600 s at most.
    - Transactions of one patient run one after the other, as they came: they would only conflict with each other.
    - A Bundle of more than ``max_entries`` or ``max_bytes`` is refused and not sent. It is never split: a document is
      written as a whole or not at all.

    What is wrapped may itself wrap: what is asked right before a transaction (a fence, say) belongs inside, since a
    turn may be minutes in coming. Reads are not held back: they are few, and a note waits for each. But where one is
    throttled or not answered, that is heeded as of a transaction. How long they take is not, for they are quicker.

    ``clock`` is monotonic, in seconds; ``later`` calls a function after so many.
    """

    def __init__(
        self,
        server: FhirServer,
        *,
        most: int,
        max_entries: int,
        max_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        later: Later = _later,
    ) -> None:
        super().__init__(server)
        self._max_entries, self._max_bytes = max_entries, max_bytes
        self._clock, self._later = clock, later
        self._law = Aimd(most)
        self._turns: Turns[asyncio.Future[None]] = Turns()  # each done when its transaction may begin
        self._resume_at = float("-inf")
        self._woken_at = float("-inf")

    @property
    def limit(self) -> int:
        """So many transactions may run at once now."""
        return self._law.limit

    @property
    def running(self) -> int:
        """Transactions that run now."""
        return self._turns.running

    @property
    def waiting(self) -> int:
        """Transactions whose turn has not come."""
        return self._turns.waiting

    @property
    def paused(self) -> float:
        """Seconds until the next transaction may begin, as the server asked; 0 where it didn't."""
        return max(0.0, self._resume_at - self._clock())

    async def transact(self, bundle: Json) -> Json:
        """Post a transaction when its turn has come. Raises FhirRejected, too, for one that is too large."""
        self._refuse_too_large(bundle)
        async with self._turn(subjects(bundle)):
            began = self._clock()
            with self._heeding(began):
                answer = await self._server.transact(bundle)
            self._law.succeeded(began, self._clock(), self.running)
            return answer

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        with self._heeding(self._clock()):
            return await super().read(resource_type, resource_id)

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        with self._heeding(self._clock()):
            return await super().search(resource_type, params)

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        with self._heeding(self._clock()):
            return await super().history(resource_type, resource_id)

    @contextmanager
    def _heeding(self, began: float) -> Iterator[None]:
        """Go on more slowly, or after a pause, where that is what the server's answer asks for."""
        try:
            yield
        except (FhirThrottled, FhirUnavailable) as error:
            now = self._clock()
            self._law.refused(began, now)
            if isinstance(error, FhirThrottled) and error.retry_after is not None:
                self._resume_at = max(self._resume_at, now + min(error.retry_after, _LONGEST_PAUSE))
            raise

    def _refuse_too_large(self, bundle: Json) -> None:
        entries = len(bundle.get("entry", ()))
        if entries > self._max_entries:
            raise _too_large(f"{entries} entries", "fhir.max_bundle_entries", self._max_entries)
        size = len(json.dumps(bundle, separators=(",", ":"), default=str))
        if size > self._max_bytes:
            raise _too_large(f"{size} bytes", "fhir.max_bundle_bytes", self._max_bytes)

    @asynccontextmanager
    async def _turn(self, subjects: frozenset[str]) -> AsyncIterator[None]:
        turn = self._turns.join(subjects, asyncio.get_running_loop().create_future())
        self._admit()
        try:
            await turn.who
            yield
        finally:
            self._turns.leave(turn)
            self._admit()

    def _admit(self) -> None:
        """Let begin whatever may, in the order of arrival; who waits for a patient's turn lets others pass."""
        if self.waiting and (pause := self.paused):
            self._wake_in(pause)
            return
        while self.running < self.limit and (turn := self._turns.begin()):
            if not turn.who.done():  # else it was cancelled, and is about to leave
                turn.who.set_result(None)

    def _wake_in(self, pause: float) -> None:
        if self._woken_at != self._resume_at:
            self._woken_at = self._resume_at
            self._later(pause, self._wake)

    def _wake(self) -> None:
        self._woken_at = float("-inf")
        self._admit()


def subjects(bundle: Json) -> frozenset[str]:
    """Whom a Bundle is about: the references of ``subject`` and ``patient`` in it, and the Patients that it writes.

    A reference by identifier alone counts by system and value. Two Bundles of one patient name it in the same way,
    for one writer made them.
    """
    named: set[str | None] = set()
    for entry in bundle.get("entry", ()):
        resource = entry.get("resource", {})
        named |= {_named(resource.get("subject")), _named(resource.get("patient"))}
        if resource.get("resourceType") == "Patient" and "id" in resource:
            named.add(f"Patient/{resource['id']}")
    return frozenset(name for name in named if name)


def _named(reference: Any) -> str | None:
    if not isinstance(reference, dict):
        return None
    if literal := reference.get("reference"):
        return str(literal).partition("/_history/")[0]
    identifier = reference.get("identifier")
    if not isinstance(identifier, dict):
        return None
    return f"{identifier.get('system', '')}|{identifier.get('value', '')}"


def _too_large(what: str, setting: str, most: int) -> FhirRejected:
    return FhirRejected(
        f"posting a transaction: it has {what} and {setting} is {most}; it was not sent. If the server takes as many,"
        f" raise {setting}, and send the record again"
    )
