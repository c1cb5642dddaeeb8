"""The example of a site's own writer: what the topic holds is on the server, in order, and nothing is passed over."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consumers.kafka_broker import KafkaBroker
from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer, Request
from medie_fhir.transaction import transaction

pytestmark = pytest.mark.kafka
EXAMPLE = Path(__file__).parents[3] / "examples" / "post_bundles.py"


@pytest.fixture
def broker(kafka_address: str) -> KafkaBroker:
    return KafkaBroker(kafka_address, bootstrap_timeout_s=10.0)


@contextmanager
def running(kafka_address: str, topic: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """The example, as a site would start and stop it."""
    command = [sys.executable, str(EXAMPLE), kafka_address, topic, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def said(process: subprocess.Popen[str], lines: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(lines)]


def patient(id_: str, gender: str) -> bytes:
    return json.dumps(transaction([{"resourceType": "Patient", "id": id_, "gender": gender}])).encode()


def test_what_is_on_the_topic_is_posted_once_in_order_and_committed(
    broker: KafkaBroker, kafka_address: str, name: str, produce: Callable[..., None]
) -> None:
    broker.create_topics({name: 1})
    asked: list[str] = []

    def busy_at_first(request: Request) -> Answer | None:
        asked.append(request.method)
        return Answer(503, {}, b"") if len(asked) == 1 else None

    produce(name, (b"a", patient("a", "male")), (b"a", patient("a", "female")))
    with FhirTwin() as twin, FhirTwinServer(twin, fault=busy_at_first) as server:
        with running(kafka_address, name, server.base_url) as process:
            assert said(process, 2) == [f"{name}[0]@0: posted", f"{name}[0]@1: posted"]
        produce(name, (b"b", patient("b", "other")))
        with running(kafka_address, name, server.base_url) as process:
            assert said(process, 1) == [f"{name}[0]@2: posted"]
        assert [(r["id"], r["gender"]) for r in twin.current("Patient")] == [("a", "female"), ("b", "other")]
        assert twin.count_versions() == 3
    assert asked == ["POST"] * 4


def test_what_the_server_refuses_ends_it_and_is_not_passed_over(
    broker: KafkaBroker, kafka_address: str, name: str, produce: Callable[..., None]
) -> None:
    broker.create_topics({name: 1})
    condition = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/nobody"}}
    produce(name, (b"a", json.dumps(transaction([condition])).encode()), (b"a", patient("a", "male")))

    with FhirTwin() as twin, FhirTwinServer(twin) as server, running(kafka_address, name, server.base_url) as process:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 1
        assert error.strip() == f"{name}[0]@0: HTTP 400: not posted, and not committed"
        assert twin.current() == []
    [(committed, end)] = broker.progress(name, "post-bundles").values()
    assert (committed, end) == (None, 2)
