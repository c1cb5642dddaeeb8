"""The two consumers, put together: a broker, a pipeline, what they depend on, and the loop that joins them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from consumers.broker import Broker, Topics
from consumers.dead_letters import DeadLetters
from consumers.dependencies import Dependency
from consumers.extract import ExtractWorker
from consumers.loop import Loop, LoopOptions
from consumers.outcomes import Report
from consumers.processing import RetryOptions
from consumers.publish import PublishWorker
from medie_fhir.adapters.watched import WatchedModel, WatchedSource, WatchedTarget
from medie_fhir.errors import BrokerUnavailable, FhirError, ModelError
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import KafkaSettings, LoopSettings, Settings
from medie_fhir.telemetry import Telemetry

__all__ = ["extract_loop", "publish_loop", "topics_of"]

_MIB = 1024 * 1024


def topics_of(kafka: KafkaSettings) -> Topics:
    """The names of our topics."""
    return Topics(kafka.events, kafka.extractions, kafka.dead_letters)


@contextmanager
def extract_loop(
    settings: Settings, broker: Broker, pipeline: Pipeline, report: Report, telemetry: Telemetry | None = None
) -> Iterator[Loop]:
    """The first half, ready to run: note events → extraction records. Its producer is closed at the end."""
    kafka, producer = settings.kafka, broker.producer()
    try:
        yield Loop(
            consumer=broker.consumer(kafka.events, f"{kafka.group}-extract", instance_id=kafka.instance_id),
            worker=ExtractWorker(pipeline, producer, topics_of(kafka), report),
            dead_letters=DeadLetters(producer, kafka.dead_letters),
            report=report,
            options=_options(settings.loop),
            dependencies=(
                Dependency("model", (ModelError,), pipeline.model.describe, _worked(pipeline.model)),
                Dependency("source", (FhirError,), pipeline.source.capabilities, _worked(pipeline.source)),
                _kafka(broker, kafka.extractions),
            ),
            telemetry=telemetry,
        )
    finally:
        producer.close()


@contextmanager
def publish_loop(
    settings: Settings, broker: Broker, pipeline: Pipeline, report: Report, telemetry: Telemetry | None = None
) -> Iterator[Loop]:
    """The second half, ready to run: extraction records → FHIR resources. Its producer is closed at the end."""
    kafka, producer = settings.kafka, broker.producer()
    try:
        yield Loop(
            consumer=broker.consumer(kafka.extractions, f"{kafka.group}-publish", instance_id=kafka.instance_id),
            worker=PublishWorker(pipeline, report),
            dead_letters=DeadLetters(producer, kafka.dead_letters),
            report=report,
            options=_options(settings.loop),
            dependencies=(Dependency("fhir", (FhirError,), pipeline.target.capabilities, _worked(pipeline.target)),),
            telemetry=telemetry,
        )
    finally:
        producer.close()


def _kafka(broker: Broker, topic: str) -> Dependency:
    """The broker, as something that is written to. Being away is never a record's own fault: nothing is counted."""
    return Dependency("kafka", (BrokerUnavailable,), lambda: asyncio.to_thread(broker.check_topics, [topic]), lambda: 0)


def _worked(server: object) -> Callable[[], int]:
    """What a server has done for us; 0 for one that nobody counts for, whose failures then never are a record's own."""
    if isinstance(server, WatchedModel | WatchedSource | WatchedTarget):
        return lambda: server.worked
    return lambda: 0


def _options(loop: LoopSettings) -> LoopOptions:
    return LoopOptions(
        max_in_flight=loop.max_in_flight,
        max_in_flight_bytes=loop.max_in_flight_mebibytes * _MIB,
        commit_interval_s=loop.commit_interval_seconds,
        drain_s=loop.drain_seconds,
        retry=RetryOptions(
            outage_after=loop.outage_after_attempts,
            max_attempts=loop.max_attempts,
            dead_letter_burst=loop.dead_letter_burst,
        ),
    )
