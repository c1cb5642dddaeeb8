"""Spans of the work: one for a record at a stage, one for each station in it; sent by OTLP over HTTP.

(https://opentelemetry.io/docs/specs/otel/; names after the semantic conventions for messaging and generative AI.)

A span holds a stage's or a station's name, numbers of tokens, and the class of an error. Never an error's message, a
stack, an id or a value: OpenTelemetry's ``record_exception`` is not used, for it would send the first two.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Thread
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from medie_fhir import __version__
from medie_fhir.errors import MedieError, Policy
from medie_fhir.telemetry import passing_on, trace_headers

__all__ = ["Spans", "open_spans"]

log = logging.getLogger(__name__)

_TRACE_CONTEXT = TraceContextTextMapPropagator()
_EXPORT_SECONDS = 5.0
_FLUSH_SECONDS = 5.0


class Spans:
    """A :class:`~medie_fhir.telemetry.Telemetry` that makes spans by a provider."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("medie_fhir", __version__)

    @contextmanager
    def record(self, stage: str, headers: Mapping[str, str]) -> Iterator[None]:
        """See :class:`~medie_fhir.telemetry.Telemetry`. The record's own trace goes on, where it brings one."""
        with passing_on(headers):  # what is no trace's header goes no further
            came = _TRACE_CONTEXT.extract(trace_headers(), Context())
        about = {"messaging.system": "kafka", "messaging.operation.type": "process", "medie.stage": stage}
        with self._span(f"{stage} record", SpanKind.CONSUMER, came, about):
            yield

    @contextmanager
    def station(self, name: str) -> Iterator[None]:
        """See :class:`~medie_fhir.telemetry.Telemetry`."""
        with self._span(name, SpanKind.INTERNAL, otel_context.get_current(), {"medie.station": name}):
            yield

    def tokens(self, prompt: int, completion: int) -> None:
        """See :class:`~medie_fhir.telemetry.Telemetry`."""
        span = get_current_span()
        span.set_attributes({"gen_ai.usage.input_tokens": prompt, "gen_ai.usage.output_tokens": completion})

    @contextmanager
    def _span(self, name: str, kind: SpanKind, parent: Context, about: Mapping[str, str]) -> Iterator[None]:
        span = self._tracer.start_span(name, parent, kind, about)
        here = set_span_in_context(span, parent)
        token = otel_context.attach(here)
        sent_on: dict[str, str] = {}
        _TRACE_CONTEXT.inject(sent_on, here)
        try:
            with passing_on(sent_on):
                yield
        except BaseException as error:
            if not (isinstance(error, MedieError) and error.policy is Policy.SKIP):  # nothing to read is no error
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            otel_context.detach(token)
            span.end()


@contextmanager
def open_spans(endpoint: str, service_name: str, sampled: float) -> Iterator[Spans]:
    """Spans that a thread sends to ``endpoint`` in batches. See :func:`medie_fhir.adapters.otel.open_tracing`."""
    where = urlsplit(endpoint).hostname or endpoint  # and not what else a URL may hold: a password
    exporter = _OneLine(OTLPSpanExporter(_traces_url(endpoint), timeout=_EXPORT_SECONDS), where)
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(sampled)),
        resource=Resource.create({"service.name": service_name, "service.version": __version__}),
        shutdown_on_exit=False,  # it would wait for a collector that is away for half a minute
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    theirs = logging.getLogger("opentelemetry")
    before = theirs.level
    theirs.setLevel(logging.CRITICAL)  # a line for every failed batch, with the whole stack: ours says it once
    try:
        yield Spans(provider)
    finally:
        flush = Thread(target=provider.shutdown, daemon=True)
        flush.start()
        flush.join(_FLUSH_SECONDS)
        theirs.setLevel(before)


def _traces_url(endpoint: str) -> str:
    """The collector's own address, or the whole one (OTLP specification, "OTLP/HTTP Request")."""
    return endpoint if endpoint.endswith("/v1/traces") else f"{endpoint.rstrip('/')}/v1/traces"


class _OneLine(SpanExporter):
    """An exporter whose failure is one line of the log, until it works again."""

    def __init__(self, exporter: SpanExporter, where: str) -> None:
        self._exporter = exporter
        self._where = where
        self._works = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - whatever it is, it is not to end the thread that sends
            result = SpanExportResult.FAILURE
        works = result is SpanExportResult.SUCCESS
        if works and not self._works:
            log.info("%s takes traces again", self._where)
        elif self._works and not works:
            log.warning("%s takes no traces: spans are lost until it does; the stream goes on", self._where)
        self._works = works
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
