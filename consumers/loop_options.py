"""What a loop is told: how much at once, how often, how long."""

from __future__ import annotations

from dataclasses import dataclass, field

from consumers.retrying import RetryOptions

__all__ = ["LoopOptions"]


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """Times are in seconds. ``span_limit`` counts records remembered behind a stuck one, per partition.

    A poll waits for ``idle_poll_s`` with nothing in flight, and ``busy_poll_s`` with something. Once as much is in
    flight as may be, the work is waited for, so long at most; then on a poll waits for ``held_poll_s``: no poll can be
    ended early, and what becomes free must not stay so.

    ``absent_after_s`` must be under the session's timeout (see :meth:`Loop.check_presence`).

    ``drain_s`` must stay well under the broker's ``max_poll_interval``. Even an idle member commits every
    ``idle_commit_s``: one that was fenced off by another of its name learns it in no other way.
    """

    max_in_flight: int = 64
    max_in_flight_bytes: int = 64 * 1024 * 1024
    commit_interval_s: float = 1.0
    idle_commit_s: float = 30.0
    absent_after_s: float = 40.0
    drain_s: float = 20.0
    span_limit: int = 10_000
    idle_poll_s: float = 1.0
    busy_poll_s: float = 0.05
    held_poll_s: float = 0.01
    retry: RetryOptions = field(default_factory=RetryOptions)
