"""When a record is tried again, when it is at fault itself, and when so many are that a person must look."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from consumers.dependencies import Dependency
from medie_fhir.errors import FhirThrottled, TerminologyThrottled

__all__ = ["Burst", "RetryOptions", "Tries"]

_THROTTLED: Final = (FhirThrottled, TerminologyThrottled)
_WINDOW: Final = 100  # records that a burst of dead letters is looked for among


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """How a record is tried again. Waits double from ``initial_s`` up to ``max_s``, each shortened by chance.

    A server's Retry-After makes a wait longer, up to ``longest_retry_after_s``: a date that is years away, or a wrong
    clock, must not hold a partition for ever.

    After ``outage_after`` failures, or one that comes ``outage_after_s`` after the record began, the dependency itself
    is asked; where it is away, nothing more is begun until it answers, however long that takes. A record that fails
    ``max_attempts`` times while its dependency does the work of others is at fault itself, and becomes a dead letter;
    what is throttled never does.

    So many dead letters among the last 100 records (``dead_letter_burst``, 0 for no limit) stop the loop.

    A dependency that is away is asked every ``probe_s`` to ``longest_probe_s`` seconds. When it is back, what waited
    begins again within ``spread_s``, and not all at once.
    """

    initial_s: float = 0.2
    max_s: float = 30.0
    longest_retry_after_s: float = 600.0
    outage_after: int = 5
    outage_after_s: float = 30.0
    max_attempts: int = 20
    dead_letter_burst: int = 50
    probe_s: float = 1.0
    longest_probe_s: float = 15.0
    spread_s: float = 1.0


@dataclass(slots=True)
class Tries:
    """How it went with one record.

    ``began`` is when its first attempt did (of ``time.perf_counter``). ``waits`` are those since the last outage,
    ``own`` the failures that are its own, ``worked`` what its dependencies had done at its last failure.
    """

    began: float = 0.0
    attempts: int = 0
    waits: int = 0
    own: int = 0
    worked: dict[str, int] | None = None

    def failed(self, error: BaseException, dependencies: Collection[Dependency]) -> None:
        """An attempt failed with an error that is to be tried again. Whose fault it was: see RetryOptions."""
        worked = {dependency.name: dependency.worked() for dependency in dependencies}
        at = next((d.name for d in dependencies if isinstance(error, d.errors)), None)
        busy_for_others = at is not None and self.worked is not None and worked[at] > self.worked[at]
        if at is None or (busy_for_others and not isinstance(error, _THROTTLED)):
            self.own += 1
        self.worked = worked

    def wait_s(self, error: BaseException, options: RetryOptions) -> float:
        """How long to wait for the next attempt, in seconds."""
        wait = min(options.max_s, options.initial_s * 2.0 ** min(self.waits, 30))
        wait *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads the attempts; no secret hangs on it
        self.waits += 1
        asked = error.retry_after if isinstance(error, _THROTTLED) else None
        return max(wait, min(asked or 0.0, options.longest_retry_after_s))


class Burst:
    """Of the last 100 records, which became dead letters."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._recent: deque[bool] = deque(maxlen=_WINDOW)
        self.finished = self._recent.append
        """A record is finished; whether as a dead letter."""

    @property
    def records(self) -> int:
        """How many are looked at."""
        return len(self._recent)

    @property
    def over(self) -> bool:
        """Whether so many are dead letters that there should be no more."""
        return self.limit > 0 and sum(self._recent) >= self.limit
