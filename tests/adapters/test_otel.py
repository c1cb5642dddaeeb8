"""Tracing is off, on, or a clear word of what is missing; end to end it reaches a collector."""

from __future__ import annotations

import gzip
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from medie_fhir import __version__
from medie_fhir.adapters.otel import open_tracing
from medie_fhir.errors import DependencyMissing
from medie_fhir.settings import TracingSettings
from medie_fhir.telemetry import trace_headers

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


def is_sampled(traceparent: str) -> bool:
    """The lowest bit of the flags; the next one says that the id is random (W3C Trace Context, section 3.2.2.5)."""
    return bool(int(traceparent[-2:], 16) & 1)


class Collector(ThreadingHTTPServer):
    """Takes traces over OTLP/HTTP, or answers with another status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken: list[ExportTraceServiceRequest] = []
        self.status = 200
        self.released: threading.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def spans(self) -> dict[str, Span]:
        return {s.name: s for t in self.taken for r in t.resource_spans for k in r.scope_spans for s in k.spans}


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.server.released is not None:
            self.server.released.wait(timeout=30)
        if self.server.status == 200 and self.path == "/v1/traces":
            self.server.taken.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        if running.released is not None:
            running.released.set()
        running.shutdown()
        thread.join()


def test_without_an_endpoint_there_is_no_listener() -> None:
    with open_tracing(TracingSettings()) as telemetry:
        assert telemetry is None


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "medie_fhir.adapters.otel_spans", raising=False)
    settings = TracingSettings(endpoint="http://collector.invalid:4318")
    with pytest.raises(DependencyMissing, match=r"pip install 'medie-fhir\[otel\]'"), open_tracing(settings):
        pass


@pytest.mark.parametrize("path", ["", "/", "/v1/traces"])
def test_the_spans_of_a_record_reach_the_collector(collector: Collector, path: str) -> None:
    settings = TracingSettings(endpoint=collector.url + path, service_name="ward-7")
    with open_tracing(settings) as telemetry:
        assert telemetry is not None
        with telemetry.record("extract", {"traceparent": PARENT}), telemetry.station("document"):
            sent_on = trace_headers()["traceparent"]

    record, document = collector.spans["extract record"], collector.spans["document"]
    assert record.trace_id.hex() == document.trace_id.hex() == "a" * 32
    assert record.parent_span_id.hex() == "b" * 16
    assert record.kind == Span.SPAN_KIND_CONSUMER
    assert document.parent_span_id == record.span_id
    assert sent_on.startswith(f"00-{'a' * 32}-{document.span_id.hex()}-")
    resource = {a.key: a.value.string_value for a in collector.taken[0].resource_spans[0].resource.attributes}
    assert resource["service.name"] == "ward-7"
    assert resource["service.version"] == __version__


def test_of_traces_that_nobody_has_decided_on_a_share_is_kept(collector: Collector) -> None:
    with open_tracing(TracingSettings(endpoint=collector.url, sampled=0.0)) as telemetry:
        assert telemetry is not None
        with telemetry.record("extract", {}):
            ours = trace_headers()["traceparent"]
        with telemetry.record("publish", {"traceparent": PARENT}):
            theirs = trace_headers()["traceparent"]
    assert set(collector.spans) == {"publish record"}
    assert not is_sampled(ours), "whoever comes next is told not to keep it either"
    assert is_sampled(theirs)


def test_a_collector_that_is_away_costs_one_line_and_no_record(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medie_fhir.adapters.otel_spans._EXPORT_SECONDS", 0.2)
    caplog.set_level(logging.INFO)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        where = f"http://user:secret@127.0.0.1:{taken.getsockname()[1]}"
        with open_tracing(TracingSettings(endpoint=where)) as telemetry:
            assert telemetry is not None
            for _ in range(600):  # more than a batch: several are sent, and fail
                with telemetry.record("extract", {}):
                    pass
    (line,) = caplog.records
    assert "takes no traces" in line.getMessage()
    assert "secret" not in caplog.text


def test_a_collector_that_refuses_is_told_once(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    collector.status = 400
    with open_tracing(TracingSettings(endpoint=collector.url)) as telemetry:
        assert telemetry is not None
        for _ in range(1100):  # three batches
            with telemetry.record("extract", {}):
                pass
    (line,) = [record.getMessage() for record in caplog.records]
    assert "takes no traces" in line


def test_the_end_does_not_wait_long_for_a_collector_that_hangs(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medie_fhir.adapters.otel_spans._FLUSH_SECONDS", 0.1)
    collector.released = threading.Event()
    with open_tracing(TracingSettings(endpoint=collector.url)) as telemetry:
        assert telemetry is not None
        with telemetry.record("extract", {}):
            pass
        began = time.monotonic()
    assert time.monotonic() - began < 2
    collector.released.set()
