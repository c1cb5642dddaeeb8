"""Tracing by OpenTelemetry, where the settings name a collector (the extra ``otel``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from medie_fhir.errors import DependencyMissing
from medie_fhir.settings import TracingSettings
from medie_fhir.telemetry import Telemetry

__all__ = ["open_tracing"]


@contextmanager
def open_tracing(tracing: TracingSettings) -> Iterator[Telemetry | None]:
    """A listener that sends spans to the collector of the settings; None where they name none.

    At the end, what is left is sent, for a few seconds at most. A collector that is away costs spans and one line of
    the log, and never a record. Raises DependencyMissing where the extra is not installed.
    """
    if tracing.endpoint is None:
        yield None
        return
    try:
        from medie_fhir.adapters.otel_spans import open_spans  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise DependencyMissing("tracing.endpoint is set: pip install 'medie-fhir[otel]', or leave it out") from None
    with open_spans(tracing.endpoint, tracing.service_name, tracing.sampled) as spans:
        yield spans
