"""What an adapter sees, in numbers: how often nothing, how much that stands nowhere in the note, how surely.

A model that is fed other notes, or was exchanged, shows here before anyone complains. Nothing in it is a patient's:
adapters are named by the registry or the model server, fields by the task.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from medie_fhir.metrics import (
    OF_READING,
    OTHER,
    READ_CONFIDENCE,
    READ_FIELDS,
    READ_NOTES,
    READ_VALUES,
    SHADOW_NOTES,
    SHADOW_VALUES,
    Metric,
)
from medie_fhir.model import Alignment, ExtractionRecord, Outcome, Produced

__all__ = ["Drift", "Seen", "adapter_label"]

_MOST_ADAPTERS = 20  # of one process's life
_NAME = re.compile(r"[\w./@:+-]{1,128}")
_SHOWN = 12
_RESULTS = frozenset({"compared", "failed", "dropped"})
_DIFFERENCES = frozenset({"agree", "only-first", "only-second"})


@dataclass(frozen=True, slots=True)
class Seen:
    """One note in numbers. ``values`` counts by field and whether the value was found in the note."""

    adapter: str
    task: str
    values: Mapping[tuple[str, bool], int]
    confidences: tuple[float, ...]

    @classmethod
    def of(cls, record: ExtractionRecord, reader: str) -> Seen | None:
        """What ``reader`` saw; None where no model was asked."""
        if record.outcome is not Outcome.EXTRACTED or (label := adapter_label(record.produced)) is None:
            return None
        facts = [fact for fact in record.facts if reader in fact.readers]
        return cls(
            label,
            record.produced.task_name,
            Counter((fact.field, fact.alignment is not Alignment.NONE) for fact in facts),
            # their own: calibration would hide that a model is less sure than it was
            tuple(sure for fact in facts if (sure := fact.own_confidence(reader)) is not None),
        )


def adapter_label(produced: Produced) -> str | None:
    """An adapter's name with the beginning of its digest; without an adapter, the model's. None where neither read."""
    if produced.adapter is None:
        return None if produced.model == "none" else produced.model
    return f"{produced.adapter}@{produced.adapter_digest[:_SHOWN]}" if produced.adapter_digest else produced.adapter


class Drift(Collector):
    """The numbers of one process, in a registry; thread-safe. ``fields``: of each task; others aren't told."""

    def __init__(self, registry: CollectorRegistry, fields: Mapping[str, Collection[str]]) -> None:
        self._of_task = fields
        self._fields = frozenset(field for each in fields.values() for field in each)
        self._adapters: set[str] = set()
        self._lock = threading.Lock()
        self._counts: dict[Metric, Counter[tuple[str, ...]]] = {metric: Counter() for metric in OF_READING}
        shown = READ_CONFIDENCE
        self._confidence = Histogram(shown.name, shown.meaning, shown.labels, registry=registry, buckets=shown.buckets)
        registry.register(self)

    def read(self, seen: Seen) -> None:
        """An adapter has read a note."""
        with self._lock:
            adapter = self._adapter(seen.adapter)
            self._counts[READ_NOTES][adapter,] += 1
            told = {field for field, _ in seen.values}
            for field in self._of_task.get(seen.task, ()):
                self._counts[READ_FIELDS][adapter, field, "value" if field in told else "none"] += 1
            for (field, is_found), count in seen.values.items():
                key = adapter, self._field(field), "grounded" if is_found else "ungrounded"
                self._counts[READ_VALUES][key] += count
        for confidence in seen.confidences:
            self._confidence.labels(adapter).observe(confidence)

    def shadow(self, adapter: str, result: str, differences: Mapping[tuple[str, str], int]) -> None:
        """What became of a note at the shadow, ``differences`` by field and kind."""
        with self._lock:
            adapter = self._adapter(adapter)
            self._counts[SHADOW_NOTES][adapter, result if result in _RESULTS else OTHER] += 1
            for (field, kind), count in differences.items():
                known = kind if kind in _DIFFERENCES else OTHER
                self._counts[SHADOW_VALUES][adapter, self._field(field), known] += count

    def counted(self, metric: Metric) -> dict[tuple[str, ...], int]:
        """What was counted so far, by the values of the metric's labels."""
        with self._lock:
            return dict(self._counts[metric])

    def collect(self) -> Iterator[Family]:
        """What was counted, for the registry."""
        for metric in OF_READING:
            family = metric.family()
            for values, count in sorted(self.counted(metric).items()):
                family.add_metric(values, count)
            yield family

    def _adapter(self, label: str) -> str:
        if label not in self._adapters:
            if len(self._adapters) >= _MOST_ADAPTERS or not _NAME.fullmatch(label):
                return OTHER
            self._adapters.add(label)
        return label

    def _field(self, field: str) -> str:
        return field if field in self._fields else OTHER
