"""Every metric of the program: what it is (``definitions``), the words of its labels (``words``), and its counting.

What is counted as it happens is kept here (:class:`Metrics`); what a running loop shows of itself is read from it when
someone asks (``consumers.health``).
"""

from __future__ import annotations

from medie_fhir.metrics.counting import Metrics
from medie_fhir.metrics.definitions import (
    BUILD_INFO,
    COUNTED,
    DEAD_LETTERS,
    ERRORS,
    MAPPING_INFO,
    MAPPING_REFUSED,
    MAPPING_RELOADS,
    METRICS,
    MODEL_TOKENS,
    OF_LOOPS,
    OF_PACE,
    OF_PARTITIONS,
    OF_READING,
    OUTCOMES,
    READ_CONFIDENCE,
    READ_FIELDS,
    READ_NOTES,
    READ_VALUES,
    RECORD_SECONDS,
    RESOURCES,
    SHADOW_NOTES,
    SHADOW_VALUES,
    STATION_SECONDS,
    TERMINOLOGY_VALUES,
    WAITING_SECONDS,
    Kind,
    Metric,
)
from medie_fhir.metrics.words import OTHER

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
