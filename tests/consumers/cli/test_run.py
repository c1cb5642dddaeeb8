"""``medie-fhir run`` as an operator runs it: a real Kafka, FHIR over HTTP, the embedded model, a signal to stop."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from consumers.cli.run import _report
from consumers.kafka_broker import KafkaBroker
from consumers.outcomes import NoteOutcome, Verdict
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.drift import Drift
from medie_fhir.metrics import RESOURCES, Metrics
from medie_fhir.model import Json

PATIENCE_S = 120.0
NOTES = {
    "lung": "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases.",
    "colon": "ASSESSMENT: Colon adenocarcinoma, stage III.",
    "knee": "Knee pain after a fall; no fracture.",
}


def event(id_: str, text: str) -> bytes:
    attachment = {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}
    resource: Json = {
        "resourceType": "DocumentReference",
        "id": id_,
        "status": "current",
        "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": attachment}],
    }
    return json.dumps(resource).encode()


async def send(broker: KafkaBroker, topic: str) -> None:
    producer = broker.producer()
    for id_, text in NOTES.items():
        await producer.send(topic, key=id_.encode(), value=event(id_, text))
    await producer.send(topic, key=b"broken", value=b"not json")
    await producer.flush()
    producer.close()


def test_what_was_left_to_someone_else_is_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    report = _report(metrics, Drift(metrics.registry, {}))
    with caplog.at_level(logging.INFO):
        for kept in (0, 2):
            document = f"DocumentReference/n{kept}"
            report.finished(
                NoteOutcome(document, "t", 0, 7, "publish", Verdict.ACCEPTED, "written", 0.25, written=3, kept=kept)
            )
    assert caplog.messages == [
        "publish accepted DocumentReference/n0 (written) t[0]@7 0.25 s, waiting included",
        "publish accepted DocumentReference/n2 (written) kept 2 t[0]@7 0.25 s, waiting included",
    ]
    assert metrics.counted(RESOURCES) == {("written",): 6, ("kept",): 2}


@pytest.mark.parametrize(
    ("verdict", "stage", "detail", "step"),
    [
        (Verdict.SKIPPED, "extract", "empty", "docs/events.md"),
        (Verdict.DEAD_LETTER, "extract", "UnidentifiedDocument", "docs/errors.md, medie-fhir dead-letters"),
        (Verdict.DEAD_LETTER, "publish", "FhirRejected", "docs/errors.md, medie-fhir dead-letters"),
        (Verdict.REFUSED, "extract", "NoSubject", "docs/errors.md"),
    ],
)
def test_a_note_that_gave_nothing_is_logged_with_where_it_is_told_what_to_do(
    caplog: pytest.LogCaptureFixture, verdict: Verdict, stage: str, detail: str, step: str
) -> None:
    with caplog.at_level(logging.INFO):
        metrics = Metrics()
        _report(metrics, Drift(metrics.registry, {})).finished(
            NoteOutcome("DocumentReference/n", "t", 0, 7, stage, verdict, detail, 0.25)
        )
    (told,) = caplog.messages
    assert f"({detail})" in told
    assert told.endswith(step)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def finished(health: str) -> dict[str, int]:
    """How many records each loop has finished."""
    return {loop["stage"]: loop["finished"] for loop in httpx.get(f"{health}/status").json()["loops"]}


def until(done: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something to become true of the twin, while the process lives."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue


@pytest.mark.kafka
@pytest.mark.model
def test_events_on_kafka_become_resources_and_sigterm_ends_it_in_good_order(
    kafka_address: str, name: str, tmp_path: Path
) -> None:
    broker = KafkaBroker(kafka_address, bootstrap_timeout_s=10.0)
    topics = {kind: f"{name}-{kind}" for kind in ("events", "extractions", "dead_letters")}
    broker.create_topics(dict.fromkeys(topics.values(), 2))
    asyncio.run(send(broker, topics["events"]))
    with FhirTwin() as twin, FhirTwinServer(twin) as server:
        patient = {
            "resource": {"resourceType": "Patient", "id": "p1"},
            "request": {"method": "PUT", "url": "Patient/p1"},
        }
        asyncio.run(twin.transact({"resourceType": "Bundle", "type": "transaction", "entry": [patient]}))
        environment = {
            **os.environ,
            "MEDIE_KAFKA__BOOTSTRAP_SERVERS": kafka_address,
            "MEDIE_KAFKA__GROUP": name,
            **{f"MEDIE_KAFKA__{kind.upper()}": topic for kind, topic in topics.items()},
            "MEDIE_FHIR__BASE_URL": server.base_url,
            "MEDIE_HEALTH__PORT": str(free_port()),
        }
        health = f"http://127.0.0.1:{environment['MEDIE_HEALTH__PORT']}"
        command = [sys.executable, "-c", "from consumers.cli import main; main()", "run"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                until(
                    lambda: len(twin.current("DocumentReference")) == 2 and len(twin.current("Condition")) >= 3, process
                )
                until(lambda: finished(health) == {"extract": 4, "publish": 3}, process)
                assert httpx.get(f"{health}/livez").status_code == 200
                assert httpx.get(f"{health}/readyz").json()["ok"] is True
                metrics = httpx.get(f"{health}/metrics").text
                assert 'medie_dead_letters_total{error="NotJson",stage="extract"} 1.0' in metrics
                assert 'medie_station_seconds_count{station="grounding"}' in metrics
                assert "adenocarcinoma" not in metrics
                process.send_signal(signal.SIGTERM)
                _, told = process.communicate(timeout=60)
            finally:
                process.kill()
    assert process.returncode == 0, told
    assert "stopped; all that was finished is committed" in told
    assert told.count("extract dead-letter ") == 1
    assert "NotJson" in told
    assert not [text for text in NOTES.values() if text in told]


@pytest.mark.kafka
def test_a_missing_topic_ends_the_run_at_once_with_one_clear_line(
    kafka_address: str, name: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "MEDIE_KAFKA__BOOTSTRAP_SERVERS": kafka_address, "MEDIE_KAFKA__EVENTS": name}
    command = [sys.executable, "-c", "from consumers.cli import main; main()", "run"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 3
    assert name in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
