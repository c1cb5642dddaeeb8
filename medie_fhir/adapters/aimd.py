"""How much at once: a limit that follows what a server can take. Pure: told of each request's end and of the time.

Additive increase, multiplicative decrease, as in TCP (RFC 5681 §3.1): a success adds ``1 / limit``, so that ``limit``
successes add one, and a refusal halves. Refusals of requests that began before the last halving tell of the same
overload and change nothing more: at most one halving a round trip.

A server in trouble is most often slow before it refuses. So the mean latency of a round of requests is held against
that of a calm one, as in Netflix's concurrency-limits (https://github.com/Netflix/concurrency-limits,
``Gradient2Limit`` and ``WindowedLimit``): more than twice as slow halves too. It is a round's mean and not one
request's time, for transactions differ in size; and it is the geometric mean, for the tail of latencies is long, and
the arithmetic one is mostly tail. The calm round is the first of a minute and not the best: of hundreds of rounds the
best is luck, and next to it most others look slow. Slowness alone never brings the limit below 4, which is where
Netflix's law comes to rest too under lasting slowness (limit = limit / 2 + √limit).

A calm that was measured under load would let the limit drift up for ever. So once a minute the limit goes back to 4
and the calm is measured anew, as BBR's ProbeRTT does (https://queue.acm.org/detail.cfm?id=3022184): for twenty
requests' time or so a little less is asked than might be.
"""

from __future__ import annotations

from statistics import geometric_mean

__all__ = ["Aimd"]

_CALM = 4.0  # where it begins, and the least that slowness alone brings it to
_LEAST_ROUND = 16  # so many requests at least make a round, else chance would
_TOO_SLOW = 2.0
_REMEMBERED = 60.0  # seconds
_LEAST_TIME = 1e-6  # seconds; a clock may not tell shorter ones from nothing


class Aimd:
    """The limit, from 1 to ``most``. Times are in seconds, of any one clock that doesn't go back."""

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError("most: at least one request at once")
        self._most = float(most)
        self._limit = min(self._most, _CALM)
        self._halved_at = float("-inf")
        self._round_began = float("-inf")
        self._seconds: list[float] = []
        self._calm: float | None = None  # a round's mean, in seconds
        self._probed_at: float | None = None

    @property
    def limit(self) -> int:
        """So many requests may run at once now."""
        return int(self._limit)

    def succeeded(self, began: float, ended: float, running: int) -> None:
        """A request was answered as hoped. ``running``: how many ran as it ended, itself included.

        Where fewer than half of the limit run, the limit was not put to the test, and stays as it is.
        """
        if 2 * running >= self.limit:
            self._limit = min(self._most, self._limit + 1 / self._limit)
        if began >= self._round_began:
            self._seconds.append(max(ended - began, _LEAST_TIME))
            if len(self._seconds) >= max(_LEAST_ROUND, self.limit):
                self._end_round(ended)

    def refused(self, began: float, ended: float) -> None:
        """A request was throttled, or not answered."""
        self._halve(began, ended, least=1.0)

    def _end_round(self, now: float) -> None:
        mean = geometric_mean(self._seconds)
        self._begin_round(now)
        if self._probed_at is None:
            self._probed_at = now
        if now - self._probed_at > _REMEMBERED:
            self._limit, self._calm, self._probed_at = min(self._limit, _CALM), None, now
        elif self._calm is None:
            self._calm = mean
        elif mean > _TOO_SLOW * self._calm:
            self._halve(now, now, least=min(_CALM, self._limit))

    def _halve(self, began: float, now: float, *, least: float) -> None:
        if began > self._halved_at:
            self._limit = max(least, self._limit / 2)
            self._halved_at = now
            self._begin_round(now)

    def _begin_round(self, now: float) -> None:
        self._seconds.clear()
        self._round_began = now
