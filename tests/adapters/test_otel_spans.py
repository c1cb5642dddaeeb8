"""A span for a record and one for each station, through tasks and failures, and nothing of a patient in any."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Mapping
from contextlib import suppress

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.otel_spans import Spans, _OneLine
from medie_fhir.configuration import Configuration
from medie_fhir.errors import EventError, FhirRejected, MedieError, ModelUnavailable, NoteSkipped
from medie_fhir.model import Json
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest
from medie_fhir.settings import Settings
from medie_fhir.telemetry import trace_headers
from medie_fhir.wiring import assemble_pipeline

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(kept: InMemorySpanExporter) -> Spans:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    return Spans(provider)


def named(kept: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = [span for span in kept.get_finished_spans() if span.name == name]
    return found


def test_a_record_is_a_consumer_s_span_of_the_trace_that_it_came_with(spans: Spans, kept: InMemorySpanExporter) -> None:
    with spans.record("extract", {"traceparent": PARENT, "tracestate": "site=1"}):
        assert trace_headers()["tracestate"] == "site=1"
    span = named(kept, "extract record")
    assert span.kind is SpanKind.CONSUMER
    assert span.parent is not None
    assert span.context is not None
    assert (span.context.trace_id, span.parent.span_id) == (int("a" * 32, 16), int("b" * 16, 16))
    assert dict(span.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "medie.stage": "extract",
    }
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("came", [{}, {"traceparent": "Mrs Miller"}, {"tracestate": "a=b"}])
def test_a_record_without_a_trace_begins_one(spans: Spans, kept: InMemorySpanExporter, came: Mapping[str, str]) -> None:
    with spans.record("publish", came):
        inside = trace_headers()["traceparent"]
    span = named(kept, "publish record")
    assert span.parent is None
    assert span.context is not None
    assert f"{span.context.trace_id:032x}-{span.context.span_id:016x}" in inside


async def test_records_at_once_keep_their_stations_apart(spans: Spans, kept: InMemorySpanExporter) -> None:
    met = asyncio.Barrier(3)

    async def work(name: str) -> str:
        with spans.record(name, {}):
            await met.wait()
            with spans.station(f"document of {name}"):
                await asyncio.create_task(met.wait())
                return trace_headers()["traceparent"]

    sent_on = await asyncio.gather(*(work(name) for name in "abc"))
    for name, header in zip("abc", sent_on, strict=True):
        record, station = named(kept, f"{name} record"), named(kept, f"document of {name}")
        assert record.context is not None
        assert station.context is not None
        assert station.parent is not None
        assert station.parent.span_id == record.context.span_id
        assert header.startswith(f"00-{record.context.trace_id:032x}-{station.context.span_id:016x}-")


def test_tokens_stand_on_the_station_that_spent_them(spans: Spans, kept: InMemorySpanExporter) -> None:
    with spans.record("extract", {}), spans.station("extraction"):
        spans.tokens(100, 20)
    attributes = named(kept, "extraction").attributes or {}
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (100, 20)


def test_an_error_is_told_by_its_class_alone(spans: Spans, kept: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="Mrs Miller"), spans.record("extract", {}), spans.station("document"):
        raise ValueError("Mrs Miller")
    for span in kept.get_finished_spans():
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
        assert (span.attributes or {})["error.type"] == "ValueError"
        assert span.events == ()


def test_nothing_to_read_is_no_error(spans: Spans, kept: InMemorySpanExporter) -> None:
    with pytest.raises(NoteSkipped), spans.record("extract", {}):
        raise NoteSkipped("image")
    assert named(kept, "extract record").status.status_code is StatusCode.UNSET


SENTINEL = "Vogelsang"
NOTE = f"Patient {SENTINEL}. Lung adenocarcinoma, stage IV{SENTINEL}."


class Leaky:
    """A model that repeats what it is shown, in its answers and in its errors."""

    def __init__(self, answer: str | Exception) -> None:
        self._answer = answer

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        if isinstance(self._answer, Exception):
            raise self._answer
        return ModelAnswer(self._answer, "stop")

    async def describe(self) -> ModelDescription:
        return ModelDescription("scripted")


def value(**more: object) -> bytes:
    attachment = {"contentType": "text/plain", "data": base64.b64encode(NOTE.encode()).decode()}
    resource: Json = {
        "resourceType": "DocumentReference",
        "id": SENTINEL,
        "status": "current",
        "subject": {"reference": f"Patient/{SENTINEL}", "display": SENTINEL},
        "date": "2026-01-01T09:00:00Z",
        "content": [{"attachment": attachment}],
    }
    return json.dumps(resource | more).encode()


READ = json.dumps(
    dict.fromkeys(("gene_mutation", "biomarker", "treatment", "response", "metastasis_site"))
    | {"cancer_type": "lung adenocarcinoma", "stage": f"IV{SENTINEL}"}
)


@pytest.mark.parametrize(
    ("fails_at", "sent", "answer"),
    [
        ("event", f'{{"{SENTINEL}": 1}}'.encode(), READ),
        ("document", value(content=[{"attachment": {"contentType": "text/plain", "data": f"!{SENTINEL}"}}]), READ),
        ("document", value(content=[{"attachment": {"contentType": "text/plain", "url": f"Binary/{SENTINEL}"}}]), READ),
        ("extraction", value(), f"{SENTINEL} is no JSON"),
        ("extraction", value(), ModelUnavailable(SENTINEL)),
        ("extraction", value(), RuntimeError(SENTINEL)),
        ("fhir", value(), READ),
        ("nothing", value(subject={"reference": "Patient/p1", "display": SENTINEL}), READ),
    ],
)
async def test_no_span_holds_anything_of_a_patient_whatever_station_fails(  # noqa: PLR0917 - fixtures and cases
    spans: Spans,
    kept: InMemorySpanExporter,
    configuration: Configuration,
    fails_at: str,
    sent: bytes,
    answer: str | Exception,
) -> None:
    twin = FhirTwin()
    put = {"method": "PUT", "url": "Patient/p1"}
    entry = {"resource": {"resourceType": "Patient", "id": "p1"}, "request": put}
    await twin.transact({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    model = Leaky(answer)
    pipeline = assemble_pipeline(Settings(), configuration, model=model, source=twin, target=twin, telemetry=spans)
    headers = {"traceparent": PARENT, "tracestate": "site=1", "patient": SENTINEL}
    with suppress(MedieError, RuntimeError), spans.record("extract", headers):
        for event in await pipeline.events(sent, SENTINEL.encode()):
            if isinstance(event, EventError):
                raise event
            await pipeline.publish(await pipeline.extract(event))

    finished = kept.get_finished_spans()
    failed = {s.name for s in finished if s.status.status_code is StatusCode.ERROR}
    assert failed == ({fails_at, "extract record"} if fails_at != "nothing" else set())
    assert SENTINEL not in "".join(span.to_json() for span in finished)


class Sometimes(SpanExporter):
    """Takes spans, refuses them, or breaks."""

    def __init__(self, *said: bool | None) -> None:
        self._said = list(said)

    def export(self, spans: object) -> SpanExportResult:
        said = self._said.pop(0)
        if said is None:
            raise FhirRejected(SENTINEL)
        return SpanExportResult.SUCCESS if said else SpanExportResult.FAILURE


def test_a_collector_s_absence_and_return_are_a_line_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    exporter = _OneLine(Sometimes(True, False, None, False, True, True, False), "collector")
    for _ in range(7):
        exporter.export([])
    assert [(r.levelname, r.getMessage().split(":")[0]) for r in caplog.records] == [
        ("WARNING", "collector takes no traces"),
        ("INFO", "collector takes traces again"),
        ("WARNING", "collector takes no traces"),
    ]
    assert SENTINEL not in caplog.text
