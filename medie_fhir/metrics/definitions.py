"""Every metric: its name, kind, labels and meaning. docs/metrics.md is made from it.

Names follow https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

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
