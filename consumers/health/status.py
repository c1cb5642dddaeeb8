"""What ``/status`` answers, and ``medie-fhir status`` reads."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

from pydantic import BaseModel

from consumers.health.pace import Pace
from consumers.monitor import LoopView, Waiting
from medie_fhir import __version__
from medie_fhir.metrics import DEAD_LETTERS, ERRORS, MODEL_TOKENS, OUTCOMES, RESOURCES, Metric, Metrics

__all__ = ["Counted", "LoopStatus", "PartitionStatus", "Status", "finite", "status_of"]


class PartitionStatus(BaseModel):
    """A :class:`~consumers.monitor.PartitionView` and its lag."""

    topic: str
    partition: int
    position: int | None
    watermark: int | None
    committed: int | None
    end: int | None
    lag: int | None
    unfinished: int
    oldest_s: float | None
    paused: bool


class LoopStatus(BaseModel):
    """A :class:`~consumers.monitor.LoopView`. ``polled_s`` is None before the first poll."""

    stage: str
    running: bool
    polled_s: float | None
    heartbeat_s: float | None
    in_flight: int
    in_flight_bytes: int
    struggling: int
    waiting: tuple[Waiting, ...]
    partitions: tuple[PartitionStatus, ...]
    finished: int
    retries: int
    rebalances: int
    commits: int
    commit_failures: int


class Counted(BaseModel):
    """How often something was counted since the start, by a metric's labels."""

    labels: dict[str, str]
    count: int


class Status(BaseModel):
    """All that a process tells of itself.

    ``pace``: None where no FHIR server is written to. ``slowed``: in words, where it is not the fastest allowed.
    """

    version: str
    loops: tuple[LoopStatus, ...]
    outcomes: tuple[Counted, ...]
    errors: tuple[Counted, ...]
    dead_letters: tuple[Counted, ...]
    tokens: tuple[Counted, ...]
    resources: tuple[Counted, ...] = ()
    pace: Pace | None = None
    slowed: str | None = None


def status_of(views: Iterable[LoopView], metrics: Metrics, pace: Pace | None = None) -> Status:
    """All that these loops and numbers tell."""
    return Status(
        version=__version__,
        loops=tuple(_loop(view) for view in views),
        outcomes=_counted(metrics, OUTCOMES),
        errors=_counted(metrics, ERRORS),
        dead_letters=_counted(metrics, DEAD_LETTERS),
        tokens=_counted(metrics, MODEL_TOKENS),
        resources=_counted(metrics, RESOURCES),
        pace=pace,
        slowed=pace.told if pace else None,
    )


def finite(seconds: float) -> float | None:
    """Seconds as JSON can hold them; None for what has not happened yet."""
    return round(seconds, 3) if math.isfinite(seconds) else None


def _loop(view: LoopView) -> LoopStatus:
    shown = {field.name: getattr(view, field.name) for field in dataclasses.fields(view)}
    shown["polled_s"], shown["heartbeat_s"] = finite(view.polled_s), finite(view.heartbeat_s)
    shown["partitions"] = tuple(
        PartitionStatus(**dataclasses.asdict(p) | p.partition._asdict() | {"lag": p.lag}) for p in view.partitions
    )
    return LoopStatus(**shown)


def _counted(metrics: Metrics, metric: Metric) -> tuple[Counted, ...]:
    counts = sorted(metrics.counted(metric).items())
    return tuple(Counted(labels=dict(zip(metric.labels, key, strict=True)), count=n) for key, n in counts)
