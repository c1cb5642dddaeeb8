"""Every metric of the program: its name, kind, labels and meaning in one place. docs/metrics.md is made from it.

Names follow https://prometheus.io/docs/practices/naming/. What is counted as it happens is kept here
(:class:`Metrics`); what a running loop shows of itself is read from it when someone asks (``consumers.health``).

A label's value is one of a small set of words that stand in the source: never an id, never a text. Any other word is
counted as ``other``, so that a fault elsewhere can neither leak a patient's data nor multiply the series.
"""

from __future__ import annotations

import builtins
import platform
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from medie_fhir import __version__
from medie_fhir.errors import MedieError, Policy
from medie_fhir.telemetry import passing_on

__all__ = [
    "BUILD_INFO",
    "COUNTED",
    "DEAD_LETTERS",
    "ERRORS",
    "MAPPING_INFO",
    "MAPPING_REFUSED",
    "MAPPING_RELOADS",
    "METRICS",
    "MODEL_TOKENS",
    "OF_LOOPS",
    "OF_PACE",
    "OF_PARTITIONS",
    "OF_READING",
    "OTHER",
    "OUTCOMES",
    "READ_CONFIDENCE",
    "READ_FIELDS",
    "READ_NOTES",
    "READ_VALUES",
    "RECORD_SECONDS",
    "RESOURCES",
    "SHADOW_NOTES",
    "SHADOW_VALUES",
    "STATION_SECONDS",
    "TERMINOLOGY_VALUES",
    "WAITING_SECONDS",
    "Kind",
    "Metric",
    "Metrics",
]


class Kind(StrEnum):
    """What kind of number a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. ``buckets``: upper bounds of a histogram, in the unit of its name."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()

    def family(self) -> CounterMetricFamily | GaugeMetricFamily:
        """Room for its samples, in the order of its labels."""
        if self.kind is Kind.COUNTER:
            return CounterMetricFamily(self.name, self.meaning, labels=self.labels)
        return GaugeMetricFamily(self.name, self.meaning, labels=self.labels)


def _counter(name: str, labels: str, meaning: str) -> Metric:
    return Metric(name, Kind.COUNTER, tuple(labels.split()), meaning)


def _gauge(name: str, labels: str, meaning: str) -> Metric:
    return Metric(name, Kind.GAUGE, tuple(labels.split()), meaning)


def _histogram(name: str, label: str, meaning: str, *buckets: float) -> Metric:
    return Metric(name, Kind.HISTOGRAM, (label,), meaning, buckets)


OUTCOMES = _counter(
    "medie_outcomes_total",
    "stage verdict detail",
    "Notes finished, by what became of them. `detail`: a reason or an error's class.",
)
ERRORS = _counter(
    "medie_errors_total",
    "stage error policy",
    "Attempts that failed, each retry counted, by the error's class and what is done about it.",
)
DEAD_LETTERS = _counter("medie_dead_letters_total", "stage error", "Records whose dead letter is acknowledged.")
MODEL_TOKENS = _counter("medie_model_tokens_total", "kind", "Tokens that the model read (`prompt`) and wrote.")
RESOURCES = _counter(
    "medie_resources_total",
    "change",
    "Facts' resources at each publishing: `written`, `retracted` (entered in error), `kept` as someone else left them.",
)
MAPPING_RELOADS = _counter(
    "medie_mapping_reloads_total",
    "result",
    "Edits of the mapping or its tables that a running consumer came upon: `loaded`, or `refused` for their faults.",
)
COUNTED = (OUTCOMES, ERRORS, DEAD_LETTERS, MODEL_TOKENS, RESOURCES, MAPPING_RELOADS)

RECORD_SECONDS = _histogram(
    "medie_record_seconds",
    "stage",
    "From the begin of a record's work to its end, retries and waits included.",
    *(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800),
)
STATION_SECONDS = _histogram(
    "medie_station_seconds",
    "station",
    "One station's work on one note; `fhir`: what the server was asked for it.",
    *(0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120),
)
BUILD_INFO = _gauge("medie_build_info", "version python", "Always 1; the labels say what runs.")
MAPPING_INFO = _gauge("medie_mapping_info", "label", "Always 1; the mapping in use: name, version and digest.")
MAPPING_REFUSED = _gauge(
    "medie_mapping_refused", "", "1 while the mapping's files have faults, and the last good ones are used."
)

OF_LOOPS = (
    _gauge("medie_loop_running", "stage", "1 while the loop runs, 0 when it has ended."),
    _gauge("medie_loop_polled_age_seconds", "stage", "Since the consumer's thread last came round."),
    _gauge("medie_loop_heartbeat_age_seconds", "stage", "Since the work's event loop last came round."),
    _gauge("medie_in_flight_records", "stage", "Records that are polled and not finished."),
    _gauge("medie_in_flight_bytes", "stage", "Their bytes, as they lie on the topic."),
    _gauge("medie_struggling_records", "stage", "Records that failed often, and are tried again."),
    _gauge("medie_assigned_partitions", "stage", "Partitions that are this member's."),
    _gauge("medie_paused_partitions", "stage", "Of them those that are not read now: back-pressure, or an outage."),
    _counter("medie_records_finished_total", "stage", "Records finished, whatever became of them."),
    _counter("medie_retries_total", "stage", "Times that a record was tried again."),
    _counter("medie_rebalances_total", "stage", "Times that partitions came or went."),
    _counter("medie_commits_total", "stage", "Commits that the broker acknowledged."),
    _counter("medie_commit_failures_total", "stage", "Commits that failed; the next one takes their place."),
)
WAITING_SECONDS = _gauge(
    "medie_waiting_seconds", "stage dependency", "So long has a dependency been away; no sample while all are there."
)
OF_PARTITIONS = (
    _gauge("medie_consumer_lag_records", "stage topic partition", "Records on the topic that are not finished."),
    _gauge("medie_position_offset", "stage topic partition", "The next offset to be polled."),
    _gauge(
        "medie_watermark_offset", "stage topic partition", "The next offset to be committed: all before are finished."
    ),
    _gauge("medie_committed_offset", "stage topic partition", "The offset that the broker has acknowledged."),
    _gauge("medie_end_offset", "stage topic partition", "The offset after the last record, as last heard of."),
    _gauge("medie_unfinished_records", "stage topic partition", "Records that are polled and not finished."),
    _gauge(
        "medie_watermark_age_seconds",
        "stage topic partition",
        "Since the oldest unfinished record was polled; 0 while none is.",
    ),
)
OF_PACE = (
    _gauge("medie_fhir_concurrency_limit", "", "Transactions that may run at once now; `fhir.concurrency` at most."),
    _gauge("medie_fhir_transactions_running", "", "Transactions that run now."),
    _gauge("medie_fhir_transactions_waiting", "", "Transactions whose turn has not come."),
    _gauge("medie_fhir_paused_seconds", "", "Until the next transaction may begin, as the server's Retry-After asked."),
)
TERMINOLOGY_VALUES = _counter(
    "medie_terminology_values_total",
    "answer",
    "Values that no table knows, by the terminology server's answer: `coded`, `unknown`; `unanswered`: it failed.",
)
READ_NOTES = _counter("medie_adapter_notes_total", "adapter", "Notes that an adapter has read; those triaged are none.")
READ_FIELDS = _counter(
    "medie_adapter_fields_total",
    "adapter field answer",
    "A field of a note, by whether the adapter gave a `value` or `none`: the share of none drifts with notes or model.",
)
READ_VALUES = _counter(
    "medie_adapter_values_total",
    "adapter field found",
    "Values that an adapter gave, by whether they stand in the note: `grounded`, or `ungrounded`, which is invented.",
)
READ_CONFIDENCE = Metric(
    "medie_adapter_confidence_ratio",
    Kind.HISTOGRAM,
    ("adapter",),
    "The confidence, 0 to 1, of the values that an adapter gave.",
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0),
)
SHADOW_NOTES = _counter(
    "medie_shadow_notes_total",
    "adapter result",
    "Notes offered to the shadow: `compared`; `failed`: it could not read; `dropped`: too many waited.",
)
SHADOW_VALUES = _counter(
    "medie_shadow_values_total",
    "adapter field difference",
    "Values of notes that both read: of both (`agree`), `only-first` (the adapter in use), `only-second` (the shadow).",
)
OF_READING = (READ_NOTES, READ_FIELDS, READ_VALUES, SHADOW_NOTES, SHADOW_VALUES)
METRICS = (
    *COUNTED,
    RECORD_SECONDS,
    STATION_SECONDS,
    BUILD_INFO,
    MAPPING_INFO,
    MAPPING_REFUSED,
    *OF_LOOPS,
    WAITING_SECONDS,
    *OF_PARTITIONS,
    *OF_PACE,
    TERMINOLOGY_VALUES,
    *OF_READING,
    READ_CONFIDENCE,
)

OTHER = "other"
_STAGES = frozenset({"extract", "publish"})
_STATIONS = frozenset(
    {
        "event",
        "document",
        "lexicon",
        "extraction",
        "grounding",
        "coding",
        "terminology",
        "mapping",
        "transaction",
        "fhir",
    }
)
_VERDICTS = frozenset({"accepted", "skipped", "retracted", "refused", "dead-letter"})
_REASONS = frozenset(
    {"image", "unsupported-content-type", "masked", "empty", "no-content"}  # of a note that is skipped
    | {"entered-in-error", "superseded", "replaced", "deleted"}  # of a document that no longer holds
    | {"extracted", "triaged", "retracted"}  # of an extraction
    | {"written", "stale", "empty", "unchanged"}  # of what was published
)
_BUGS = frozenset(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
)


def _classes(root: type[MedieError] = MedieError) -> Iterator[type[MedieError]]:
    yield root
    for child in root.__subclasses__():
        yield from _classes(child)


class Metrics(Collector):
    """The numbers of one process, in a registry of its own. A :class:`~medie_fhir.telemetry.Telemetry`; thread-safe.

    Passes the trace on as it came: among several listeners it stands before the one that makes spans.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._counts: dict[Metric, Counter[tuple[str, ...]]] = {metric: Counter() for metric in COUNTED}
        classes = [(each.__name__, each.policy) for each in _classes()]
        self._errors = _BUGS | {name for name, _ in classes}
        self._details = self._errors | _REASONS
        self._answers: Mapping[str, int] | None = None
        self._mapping: tuple[str, bool] | None = None
        self._begin_at_zero([name for name, policy in classes if policy in (Policy.DEAD_LETTER, Policy.RETRY)])
        self._records = self._histogram(RECORD_SECONDS, _STAGES)
        self._stations = self._histogram(STATION_SECONDS, _STATIONS)
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    # --- Telemetry --------------------------------------------------------------------------------------------------

    @contextmanager
    def record(self, stage: str, headers: Mapping[str, str]) -> Iterator[None]:
        """Seconds of a record at a stage."""
        with passing_on(headers), _timed(self._records[_known(stage, _STAGES)]):
            yield

    @contextmanager
    def station(self, name: str) -> Iterator[None]:
        """Seconds of a station."""
        with _timed(self._stations[_known(name, _STATIONS)]):
            yield

    def tokens(self, prompt: int, completion: int) -> None:
        """Tokens of one note."""
        self._add(MODEL_TOKENS, "prompt", by=prompt)
        self._add(MODEL_TOKENS, "completion", by=completion)

    # --- what becomes of records --------------------------------------------------------------------------------------

    def outcome(self, stage: str, verdict: str, detail: str | None) -> None:
        """A note is finished at a stage."""
        word = _known(detail, self._details) if detail else ""
        self._add(OUTCOMES, _known(stage, _STAGES), _known(verdict, _VERDICTS), word)

    def resources(self, *, written: int, retracted: int, kept: int) -> None:
        """What publishing a record did to resources."""
        for change, count in (("written", written), ("retracted", retracted), ("kept", kept)):
            self._add(RESOURCES, change, by=count)

    def error(self, stage: str, error_class: str, policy: Policy) -> None:
        """An attempt failed."""
        self._add(ERRORS, _known(stage, _STAGES), _known(error_class, self._errors), policy.value)

    def dead_letter(self, stage: str, error_class: str) -> None:
        """A record's dead letter is acknowledged."""
        self._add(DEAD_LETTERS, _known(stage, _STAGES), _known(error_class, self._errors))

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
        self._counts[DEAD_LETTERS].update({(stage, name): 0 for stage in _STAGES for name in (*fatal, OTHER)})
        self._counts[MODEL_TOKENS].update({("prompt",): 0, ("completion",): 0})
        self._counts[MAPPING_RELOADS].update({("loaded",): 0, ("refused",): 0})
        self._counts[RESOURCES].update({("written",): 0, ("retracted",): 0, ("kept",): 0})

    def _histogram(self, metric: Metric, words: frozenset[str]) -> dict[str, Histogram]:
        histogram = Histogram(
            metric.name, metric.meaning, metric.labels, registry=self.registry, buckets=metric.buckets
        )
        return {word: histogram.labels(word) for word in (*sorted(words), OTHER)}


def _known(word: str, words: frozenset[str]) -> str:
    return word if word in words else OTHER


@contextmanager
def _timed(histogram: Histogram) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        histogram.observe(time.perf_counter() - began)
