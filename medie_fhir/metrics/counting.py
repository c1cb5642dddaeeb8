"""What is counted and timed as it happens, for a scrape to read."""

from __future__ import annotations

import platform
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from medie_fhir import __version__
from medie_fhir.errors import Policy
from medie_fhir.metrics.definitions import (
    BUILD_INFO,
    COUNTED,
    DEAD_LETTERS,
    ERRORS,
    MAPPING_INFO,
    MAPPING_REFUSED,
    MAPPING_RELOADS,
    MODEL_TOKENS,
    OUTCOMES,
    RECORD_SECONDS,
    RESOURCES,
    STATION_SECONDS,
    TERMINOLOGY_VALUES,
    Metric,
)
from medie_fhir.metrics.words import BUGS, OTHER, REASONS, STAGES, STATIONS, VERDICTS, error_classes, known
from medie_fhir.telemetry import passing_on

__all__ = ["Metrics"]


class Metrics(Collector):
    """The numbers of one process, in a registry of its own. A :class:`~medie_fhir.telemetry.Telemetry`; thread-safe.

    Passes the trace on as it came: among several listeners it stands before the one that makes spans.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._counts: dict[Metric, Counter[tuple[str, ...]]] = {metric: Counter() for metric in COUNTED}
        classes = [(each.__name__, each.policy) for each in error_classes()]
        self._errors = BUGS | {name for name, _ in classes}
        self._details = self._errors | REASONS
        self._answers: Mapping[str, int] | None = None
        self._mapping: tuple[str, bool] | None = None
        self._begin_at_zero([name for name, policy in classes if policy in (Policy.DEAD_LETTER, Policy.RETRY)])
        self._records = self._histogram(RECORD_SECONDS, STAGES)
        self._stations = self._histogram(STATION_SECONDS, STATIONS)
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    # --- Telemetry --------------------------------------------------------------------------------------------------

    @contextmanager
    def record(self, stage: str, headers: Mapping[str, str]) -> Iterator[None]:
        """Seconds of a record at a stage."""
        with passing_on(headers), _timed(self._records[known(stage, STAGES)]):
            yield

    @contextmanager
    def station(self, name: str) -> Iterator[None]:
        """Seconds of a station."""
        with _timed(self._stations[known(name, STATIONS)]):
            yield

    def tokens(self, prompt: int, completion: int) -> None:
        """Tokens of one note."""
        self._add(MODEL_TOKENS, "prompt", by=prompt)
        self._add(MODEL_TOKENS, "completion", by=completion)

    # --- what becomes of records --------------------------------------------------------------------------------------

    def outcome(self, stage: str, verdict: str, detail: str | None) -> None:
        """A note is finished at a stage."""
        word = known(detail, self._details) if detail else ""
        self._add(OUTCOMES, known(stage, STAGES), known(verdict, VERDICTS), word)

    def resources(self, *, written: int, retracted: int, kept: int) -> None:
        """What publishing a record did to resources."""
        for change, count in (("written", written), ("retracted", retracted), ("kept", kept)):
            self._add(RESOURCES, change, by=count)

    def error(self, stage: str, error_class: str, policy: Policy) -> None:
        """An attempt failed."""
        self._add(ERRORS, known(stage, STAGES), known(error_class, self._errors), policy.value)

    def dead_letter(self, stage: str, error_class: str) -> None:
        """A record's dead letter is acknowledged."""
        self._add(DEAD_LETTERS, known(stage, STAGES), known(error_class, self._errors))

    def terminology(self, answers: Mapping[str, int]) -> None:
        """What the terminology server has answered: counts that grow elsewhere, and are looked at when someone asks."""
        self._answers = answers

    def mapping(self, label: str, *, refused: bool) -> None:
        """Which mapping is in use, and whether an edit of it was refused and stands."""
        self._mapping = label, refused

    def mapping_reload(self, *, loaded: bool) -> None:
        """An edit of the mapping was taken, or refused."""
        self._add(MAPPING_RELOADS, "loaded" if loaded else "refused")

    def counted(self, metric: Metric) -> dict[tuple[str, ...], int]:
        """What was counted so far, by the values of the metric's labels; without those that are 0."""
        with self._lock:
            return {values: count for values, count in self._counts[metric].items() if count}

    def collect(self) -> Iterator[Family]:
        """What was counted, for the registry."""
        for metric in COUNTED:
            family = metric.family()
            with self._lock:
                counts = sorted(self._counts[metric].items())
            for values, count in counts:
                family.add_metric(values, count)
            yield family
        build = BUILD_INFO.family()
        build.add_metric((__version__, platform.python_version()), 1)
        yield build
        if self._answers is not None:
            family = TERMINOLOGY_VALUES.family()
            for answer, count in self._answers.items():
                family.add_metric((answer,), count)
            yield family
        if self._mapping is not None:
            label, refused = self._mapping
            info, gauge = MAPPING_INFO.family(), MAPPING_REFUSED.family()
            info.add_metric((label,), 1)
            gauge.add_metric((), refused)
            yield from (info, gauge)

    def _add(self, metric: Metric, *values: str, by: int = 1) -> None:
        with self._lock:
            self._counts[metric][values] += by

    def _begin_at_zero(self, fatal: list[str]) -> None:
        """A series that begins at 1 has not increased, and no alert would see the first dead letter of a class."""
        self._counts[DEAD_LETTERS].update({(stage, name): 0 for stage in STAGES for name in (*fatal, OTHER)})
        self._counts[MODEL_TOKENS].update({("prompt",): 0, ("completion",): 0})
        self._counts[MAPPING_RELOADS].update({("loaded",): 0, ("refused",): 0})
        self._counts[RESOURCES].update({("written",): 0, ("retracted",): 0, ("kept",): 0})

    def _histogram(self, metric: Metric, words: frozenset[str]) -> dict[str, Histogram]:
        histogram = Histogram(
            metric.name, metric.meaning, metric.labels, registry=self.registry, buckets=metric.buckets
        )
        return {word: histogram.labels(word) for word in (*sorted(words), OTHER)}


@contextmanager
def _timed(histogram: Histogram) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        histogram.observe(time.perf_counter() - began)
