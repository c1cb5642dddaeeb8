"""``medie-fhir status`` as an operator runs it: against real health servers, a real broker, and nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from consumers.broker import Broker, Consumer, TopicPartition
from consumers.cli.status import ask, progress_of
from consumers.cli.status_views import GroupProgress
from consumers.health import HealthServer, Pace
from consumers.kafka_broker import KafkaBroker
from consumers.monitor import LoopView, PartitionView, Waiting
from medie_fhir.errors import BrokerUnavailable, Policy
from medie_fhir.metrics import Metrics
from medie_fhir.settings import HealthSettings, KafkaSettings

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PARTITION = PartitionView(
    TopicPartition("notes", 3),
    position=17,
    watermark=12,
    committed=10,
    end=4242,
    unfinished=5,
    oldest_s=75.0,
    paused=True,
)
VIEW = LoopView(
    stage="extract",
    running=True,
    polled_s=0.2,
    heartbeat_s=0.1,
    in_flight=5,
    in_flight_bytes=2048,
    struggling=1,
    waiting=(Waiting("model", 3725.0),),
    partitions=(PARTITION,),
    finished=120,
    retries=7,
    rebalances=2,
    commits=30,
    commit_failures=1,
)


class Busy:
    """A loop that has finished 50 records more, and commits one more, whenever someone looks."""

    def __init__(self, view: LoopView) -> None:
        self._view = view

    def view(self) -> LoopView:
        (partition,) = self._view.partitions
        moved = replace(partition, watermark=(partition.watermark or 0) + 1)
        self._view = replace(self._view, finished=self._view.finished + 50, partitions=(moved,))
        return self._view


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start a health server over a busy loop; gives its URL."""
    with ExitStack() as stack:

        def start(view: LoopView = VIEW, metrics: Metrics | None = None, pace: Pace | None = None) -> str:
            server = HealthServer(HealthSettings(port=0), [Busy(view)], metrics or Metrics(), pace=lambda: pace)
            return str(stack.enter_context(server).url)

        yield start


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs ``medie-fhir status`` in an empty folder, with none of this machine's settings."""

    def do(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MEDIE_")}
        nowhere = {"MEDIE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "MEDIE_HEALTH__PORT": "1"}
        return subprocess.run(
            [sys.executable, "-c", "from consumers.cli import main; main()", "status", *arguments],
            cwd=tmp_path,
            env=clean | nowhere | dict(env or {}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return do


def test_a_consumer_is_shown_by_stage_and_partition_with_rates_and_errors(run: Run, serve: Callable[..., str]) -> None:
    metrics = Metrics()
    metrics.error("extract", "ModelUnavailable", Policy.RETRY)
    metrics.outcome("extract", "skipped", "image")
    metrics.resources(written=5, retracted=0, kept=2)
    told = run(serve(metrics=metrics, pace=Pace(most=16, limit=2, running=2, waiting=7, paused_s=0)))
    assert (told.returncode, told.stderr) == (0, "")
    assert "notes[3]" in told.stdout
    for shown in ("4228", "running", "model (1 h 2 min)", "1 min 15 s", "paused", "1 extract ModelUnavailable retry"):
        assert shown in told.stdout
    assert "outcomes: 1 extract skipped image" in told.stdout
    assert "FHIR server: 2 of 16 transactions at once; 2 run, 7 wait" in told.stdout
    assert "resources: 5 written, 2 kept" in told.stdout


def test_json_holds_every_number_and_the_rates(run: Run, serve: Callable[..., str]) -> None:
    told = run(serve(), "--json")
    assert told.returncode == 0
    (consumer,) = json.loads(told.stdout)["consumers"]
    (loop,) = consumer["loops"]
    (partition,) = loop["partitions"]
    assert consumer["answered"] is True
    assert (consumer["pace"], consumer["slowed"]) == (None, None)
    assert loop["finished"] == 220
    assert 5 < loop["per_s"] <= 50  # 50 in a second at least
    assert 0 < partition["per_s"] <= 1
    assert (partition["topic"], partition["partition"], partition["lag"]) == ("notes", 3, 4228)
    assert loop["waiting"] == [{"dependency": "model", "seconds": 3725.0}]


def test_one_of_several_that_does_not_answer_is_named_and_the_others_shown(run: Run, serve: Callable[..., str]) -> None:
    url = serve()
    told = run(url, "127.0.0.1:1")
    assert told.returncode == 1
    assert "http://127.0.0.1:1: no answer" in told.stdout
    assert "notes[3]" in told.stdout


def test_where_neither_consumer_nor_broker_answers_both_are_named(run: Run) -> None:
    told = run()
    assert told.returncode == 3
    assert "http://127.0.0.1:1: no answer" in told.stdout
    assert "Kafka: BrokerUnavailable" in told.stdout
    assert told.stderr == ""


def test_watching_looks_again_until_it_is_stopped(serve: Callable[..., str]) -> None:
    command = [sys.executable, "-c", "from consumers.cli import main; main()", "status", serve(), "--json"]
    with subprocess.Popen([*command, "--watch", "0.1"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            looks = [json.loads(process.stdout.readline())["consumers"][0]["loops"][0] for _ in range(3)]
        finally:
            process.kill()
    assert [look["finished"] for look in looks] == [220, 270, 320]
    assert all(look["per_s"] > 0 for look in looks)


async def test_what_is_no_consumer_is_said_to_be_none() -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"version": 1, "Zyxomunda": []}'
            self.send_response(200 if self.path == "/status" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        wrong, missing, odd = await ask([url, f"{url}/more", "http://[::1"])
        server.shutdown()
    assert [heard.status for heard in (wrong, missing, odd)] == [None] * 3
    assert "no medie-fhir consumer" in wrong.why
    assert "404" in missing.why
    assert "no answer" in odd.why
    assert "Zyxomunda" not in wrong.why


class Alone:
    """The listener of a group's only member: it keeps all partitions."""

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing to do."""

    def lost(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing to do."""

    def revoked(self, partitions: frozenset[TopicPartition]) -> Future[Mapping[TopicPartition, int]]:
        future: Future[Mapping[TopicPartition, int]] = Future()
        future.set_result({})
        return future


def committed_up_to(consumer: Consumer, place: TopicPartition, offset: int) -> None:
    consumer.subscribe(Alone())
    deadline = time.monotonic() + 30
    while True:
        consumer.poll(1.0, 10)
        with suppress(BrokerUnavailable):
            if place in consumer.assignment():
                consumer.commit({place: offset})
                break
        assert time.monotonic() < deadline
    consumer.close()


async def test_the_broker_alone_knows_what_was_committed_and_how_much_is_left(broker: Broker, name: str) -> None:
    kafka = KafkaSettings(events=f"{name}-e", extractions=f"{name}-x", group=name)
    broker.create_topics({kafka.events: 1, kafka.extractions: 1})
    producer = broker.producer()
    for number in range(5):
        await producer.send(kafka.events, key=b"k", value=str(number).encode())
    await producer.flush()
    producer.close()
    events, extractions = TopicPartition(kafka.events, 0), TopicPartition(kafka.extractions, 0)
    committed_up_to(broker.consumer(kafka.events, f"{name}-extract"), events, 2)
    read, written = progress_of(broker, kafka)
    assert read == GroupProgress("extract", events, 2, 5)
    assert written == GroupProgress("publish", extractions, None, 0)
    assert (read.lag, written.lag) == (3, None)


@pytest.mark.kafka
def test_where_no_consumer_answers_the_broker_is_asked(run: Run, kafka_address: str, name: str) -> None:
    topics = {"EVENTS": f"{name}-e", "EXTRACTIONS": f"{name}-x"}
    KafkaBroker(kafka_address).create_topics(dict.fromkeys(topics.values(), 2))
    environment = {f"MEDIE_KAFKA__{kind}": topic for kind, topic in topics.items()}
    told = run(env=environment | {"MEDIE_KAFKA__BOOTSTRAP_SERVERS": kafka_address, "MEDIE_KAFKA__GROUP": name})
    assert told.returncode == 1, told.stdout + told.stderr
    assert "http://127.0.0.1:1: no answer" in told.stdout
    assert "No consumer answered" in told.stdout
    assert told.stdout.count(f"{name}-e[") == told.stdout.count(f"{name}-x[") == 2
