"""PHI stays in the payload: sentinels planted in every kind of event and failure show up nowhere else."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from consumers.health import HealthServer
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import NoteOutcome, Report, Verdict, policy_of
from consumers.programs import extract_loop, publish_loop
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.otel_spans import Spans
from medie_fhir.metrics import Metrics
from medie_fhir.model import Json
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings
from medie_fhir.telemetry import Together
from medie_fhir.wiring import WatchedPipeline

NAME, VALUE, TEXT = "Zyxomunda", "qwolvarcoma", "brixolated"
SENTINELS = (NAME, VALUE, TEXT)
NOTE = f"Patient {NAME}. Assessment: lung cancer, stage IV, {TEXT} {VALUE} response."


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def attachment(**more: Any) -> Json:
    return {"content": [{"attachment": {"contentType": "text/plain", "data": encoded(NOTE)} | more}]}


def cloud(**more: Any) -> Json:
    """A CloudEvent whose every free attribute is a sentinel."""
    return {"specversion": "1.0", "id": NAME, "source": f"/{NAME}", "type": f"org.{TEXT}", "subject": NAME} | more


def hostile(event: Callable[..., bytes]) -> list[bytes | None]:
    """One event of every kind of trouble, each full of sentinels."""
    patient = {"reference": "Patient/p1", "display": NAME}
    return [
        event(NOTE, "good", subject=patient),
        event(NOTE, "stranger", subject={"reference": f"Patient/{NAME}", "display": NAME}),
        event(NOTE, "garbage", subject=patient) + b" " + NAME.encode(),
        event(f"MODELFAILS {NOTE}", "model-garbage", subject=patient),
        event(NOTE, "no-subject", subject=None, description=TEXT),
        event(NOTE, "base64", **attachment(data=f"!{NAME}!")),
        event(NOTE, "hash", **attachment(hash=encoded(NAME))),
        event(NOTE, "size", **attachment(size=3)),
        event(
            NOTE,
            "charset",
            **attachment(
                contentType="text/plain; charset=utf-8", data=base64.b64encode(NAME.encode() + b"\xff\x00\xfe").decode()
            ),
        ),
        event(NOTE, "url", **attachment(data=None, url=f"https://evil.example/{NAME}")),
        event(NOTE, "binary", **attachment(data=None, url=f"Binary/{NAME}")),
        event(NOTE, "type", **attachment(contentType=f"text/{NAME}")),
        event(NOTE, "image", **attachment(contentType=f"image/{NAME}")),
        event(NOTE, "status", status=NAME),
        event(NOTE, "odd", docStatus={"text": NAME}),
        event(
            NOTE, "html", **attachment(contentType="text/html", data=encoded(f"<p title='{NAME}'>{NOTE}<!-- {TEXT}"))
        ),
        event(
            NOTE,
            "xml",
            **attachment(
                contentType="text/xml", data=encoded(f'<!DOCTYPE x [<!ENTITY a "{NAME}">]><ClinicalDocument>&a;{TEXT}')
            ),
        ),
        NAME.encode(),
        json.dumps({"resourceType": "Patient", "name": [{"family": NAME}]}).encode(),
        json.dumps({"resourceType": NAME, "x": TEXT}).encode(),
        json.dumps({"reference": f"DocumentReference/{NAME}"}).encode(),
        json.dumps(cloud(data=json.loads(event(NOTE, "cloud", subject=patient)))).encode(),
        json.dumps(cloud(data={"resourceType": NAME, "x": TEXT})).encode(),
        json.dumps(cloud(specversion=NAME, data=TEXT)).encode(),
        json.dumps(
            {"resourceType": "Bundle", "type": "history", "entry": [{"resource": {"resourceType": NAME}}]}
        ).encode(),
        None,
    ]


@pytest.fixture
def script(model: Any) -> None:
    model.script = {"MODELFAILS": {}, TEXT: {"cancer_type": "lung cancer", "response": f"{TEXT} {VALUE} response"}}
    complete = model.complete

    async def fail_where_told(request: Any) -> Any:
        answer = await complete(request)
        if "MODELFAILS" in request.messages[-1]["content"]:
            return type(answer)(f"I see {NAME} with {VALUE}", "stop")
        return answer

    model.complete = fail_where_told


class Watch:
    """All that is told of the work while it runs: outcomes, metrics, status, spans."""

    def __init__(self) -> None:
        self.outcomes: list[NoteOutcome] = []
        self.metrics = Metrics()
        self.kept = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.kept))
        self.telemetry = Together(self.metrics, Spans(provider))
        self.pages: list[str] = []

    def report(self) -> Report:
        def on_note(outcome: NoteOutcome) -> None:
            self.outcomes.append(outcome)
            self.metrics.outcome(outcome.stage, outcome.verdict, outcome.detail)

        return Report(on_note, lambda stage, e: self.metrics.error(stage, type(e).__name__, policy_of(e)))

    def look(self, health: HealthServer) -> None:
        self.pages += [httpx.get(f"{health.url}/{page}").text for page in ("livez", "readyz", "metrics", "status")]

    @property
    def spans(self) -> list[str]:
        return [span.to_json() for span in self.kept.get_finished_spans()]


async def run_all(settings: Settings, broker: MemoryBroker, pipeline: WatchedPipeline) -> Watch:
    watch = Watch()
    pipeline.telemetry = watch.telemetry
    health = settings.health.model_copy(update={"port": 0})
    for half in (extract_loop, publish_loop):
        with (
            half(settings, broker, pipeline, watch.report(), watch.telemetry) as loop,
            HealthServer(health, [loop], watch.metrics) as server,
        ):
            await loop.run(until_end=True)
            await asyncio.to_thread(watch.look, server)
    return watch


def headers_of(broker: MemoryBroker, topic: str) -> list[str]:
    consumer = broker.consumer(topic, "reader")
    consumer.subscribe(_Deaf())
    found: list[str] = []
    while messages := consumer.poll(0.2, 100):
        found += [f"{name}={value!r}" for m in messages for name, value in m.headers]
    consumer.close()
    return found


class _Deaf:
    def assigned(self, partitions: Any) -> None: ...

    def revoked(self, partitions: Any) -> Any:
        from concurrent.futures import Future

        nothing: Future[Any] = Future()
        nothing.set_result({})
        return nothing

    def lost(self, partitions: Any) -> None: ...


async def test_no_sentinel_is_ever_seen_outside_the_payload(  # noqa: PLR0917 - fixtures
    script: None,
    pipeline: Pipeline,
    twin: FhirTwin,
    event: Callable[..., bytes],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    settings, broker = Settings(), MemoryBroker()
    kafka = settings.kafka
    broker.create_topics({kafka.events: 2, kafka.extractions: 2, kafka.dead_letters: 1})
    producer = broker.producer()
    events = hostile(event)
    for number, value in enumerate(events):
        headers = (("who", NAME.encode()), ("traceparent", TEXT.encode()), ("ce_subject", NAME.encode()))
        await producer.send(kafka.events, key=f"k{number}".encode(), value=value, headers=headers[: number % 4])

    watch = await asyncio.wait_for(run_all(settings, broker, pipeline), 60)
    outcomes = watch.outcomes

    verdicts = {o.verdict for o in outcomes}
    assert {Verdict.ACCEPTED, Verdict.SKIPPED, Verdict.DEAD_LETTER} <= verdicts
    dead = [o for o in outcomes if o.verdict is Verdict.DEAD_LETTER]
    assert len(dead) >= 12
    assert VALUE in str(twin.current("Observation"))  # the payload does hold it

    headers = headers_of(broker, kafka.dead_letters) + headers_of(broker, kafka.extractions)
    headers = [header for header in headers if not header.startswith(("who=", "traceparent=", "ce_"))]  # the sender's
    assert len(headers) >= 12
    assert len(watch.spans) > len(events)
    assert "grounding" in " ".join(watch.spans)
    assert 'medie_outcomes_total{detail="extracted"' in "".join(watch.pages)
    printed = capsys.readouterr()
    seen = "\n".join(
        [
            *(record.getMessage() for record in caplog.records),
            *(str(record.exc_info) for record in caplog.records),
            *headers,
            *(f"{o.verdict} {o.detail}" for o in outcomes),
            *watch.pages,
            *watch.spans,
            printed.out,
            printed.err,
        ]
    )
    for sentinel in SENTINELS:
        assert sentinel not in seen, [line for line in seen.splitlines() if sentinel in line]


async def all_the_way(pipeline: Pipeline, value: bytes | None) -> None:
    for parsed in await pipeline.events(value, b"k"):
        if isinstance(parsed, Exception):
            raise parsed
        await pipeline.publish(await pipeline.extract(parsed))


async def test_no_error_of_a_station_holds_a_sentinel(
    script: None, pipeline: Pipeline, event: Callable[..., bytes]
) -> None:
    """Nor does what it was raised from, for a traceback prints that too."""
    told = []
    for value in hostile(event):
        try:
            await all_the_way(pipeline, value)
        except Exception as error:  # noqa: BLE001 - every error is looked at, whatever it is
            link: BaseException | None = error
            while link is not None:
                told.append(f"{type(link).__name__}: {link}")
                link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    assert len(told) >= 12
    for sentinel in SENTINELS:
        assert not [line for line in told if sentinel in line]
