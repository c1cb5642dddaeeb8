"""The loops and the pace of writing as metrics, looked at when someone asks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from consumers.health.pace import Pace
from consumers.monitor import LoopView, PartitionView
from medie_fhir.metrics import OF_LOOPS, OF_PACE, OF_PARTITIONS, WAITING_SECONDS, Metric

__all__ = ["LoopCollector"]

_LOOP_VALUES: Final[dict[str, Callable[[LoopView], float]]] = {
    "medie_loop_running": lambda v: v.running,
    "medie_loop_polled_age_seconds": lambda v: v.polled_s,
    "medie_loop_heartbeat_age_seconds": lambda v: v.heartbeat_s,
    "medie_in_flight_records": lambda v: v.in_flight,
    "medie_in_flight_bytes": lambda v: v.in_flight_bytes,
    "medie_struggling_records": lambda v: v.struggling,
    "medie_assigned_partitions": lambda v: len(v.partitions),
    "medie_paused_partitions": lambda v: sum(p.paused for p in v.partitions),
    "medie_records_finished_total": lambda v: v.finished,
    "medie_retries_total": lambda v: v.retries,
    "medie_rebalances_total": lambda v: v.rebalances,
    "medie_commits_total": lambda v: v.commits,
    "medie_commit_failures_total": lambda v: v.commit_failures,
}
_PARTITION_VALUES: Final[dict[str, Callable[[PartitionView], float | None]]] = {
    "medie_consumer_lag_records": lambda p: p.lag,
    "medie_position_offset": lambda p: p.position,
    "medie_watermark_offset": lambda p: p.watermark,
    "medie_committed_offset": lambda p: p.committed,
    "medie_end_offset": lambda p: p.end,
    "medie_unfinished_records": lambda p: p.unfinished,
    "medie_watermark_age_seconds": lambda p: p.oldest_s or 0.0,
}
_PACE_VALUES: Final[dict[str, Callable[[Pace], float]]] = {
    "medie_fhir_concurrency_limit": lambda p: p.limit,
    "medie_fhir_transactions_running": lambda p: p.running,
    "medie_fhir_transactions_waiting": lambda p: p.waiting,
    "medie_fhir_paused_seconds": lambda p: p.paused_s,
}


class LoopCollector(Collector):
    """What loops show of themselves: all metrics of a scrape are of one look. What is not known yet has no sample.

    ``pace``: that of the FHIR server that is written to; None where none is.
    """

    def __init__(self, look: Callable[[], list[LoopView]], pace: Callable[[], Pace | None]) -> None:
        self._look = look
        self._pace = pace

    def collect(self) -> Iterator[Family]:
        """See prometheus_client."""
        views = self._look()
        for metric in OF_LOOPS:
            yield _filled(metric, (((v.stage,), _LOOP_VALUES[metric.name](v)) for v in views))
        yield _filled(WAITING_SECONDS, (((v.stage, w.dependency), w.seconds) for v in views for w in v.waiting))
        for metric in OF_PARTITIONS:
            value = _PARTITION_VALUES[metric.name]
            places = ((view.stage, p) for view in views for p in view.partitions)
            yield _filled(
                metric, (((stage, p.partition.topic, str(p.partition.partition)), value(p)) for stage, p in places)
            )
        pace = self._pace()
        for metric in OF_PACE:
            yield _filled(metric, [((), _PACE_VALUES[metric.name](pace))] if pace else [])


def _filled(metric: Metric, samples: Iterable[tuple[tuple[str, ...], float | None]]) -> Family:
    family = metric.family()
    for labels, value in samples:
        if value is not None and math.isfinite(value):
            family.add_metric(labels, value)
    return family
