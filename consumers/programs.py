"""The two consumers, put together: a broker, a pipeline, and the loop that joins them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from consumers.broker import Broker, Topics
from consumers.dead_letters import DeadLetters
from consumers.extract import ExtractWorker
from consumers.loop import Loop, LoopOptions
from consumers.outcomes import Report
from consumers.processing import RetryOptions
from consumers.publish import PublishWorker
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import LoopSettings, Settings

__all__ = ["extract_loop", "publish_loop"]


@contextmanager
def extract_loop(settings: Settings, broker: Broker, pipeline: Pipeline, report: Report) -> Iterator[Loop]:
    """The first half, ready to run: note events → extraction records. Its producer is closed at the end."""
    kafka, producer = settings.kafka, broker.producer()
    topics = Topics(kafka.events, kafka.extractions, kafka.dead_letters)
    try:
        yield Loop(
            consumer=broker.consumer(kafka.events, f"{kafka.group}-extract"),
            worker=ExtractWorker(pipeline, producer, topics, report),
            dead_letters=DeadLetters(producer, kafka.dead_letters),
            report=report,
            options=_options(settings.loop),
        )
    finally:
        producer.close()


@contextmanager
def publish_loop(settings: Settings, broker: Broker, pipeline: Pipeline, report: Report) -> Iterator[Loop]:
    """The second half, ready to run: extraction records → FHIR resources. Its producer is closed at the end."""
    kafka, producer = settings.kafka, broker.producer()
    try:
        yield Loop(
            consumer=broker.consumer(kafka.extractions, f"{kafka.group}-publish"),
            worker=PublishWorker(pipeline, report),
            dead_letters=DeadLetters(producer, kafka.dead_letters),
            report=report,
            options=_options(settings.loop),
        )
    finally:
        producer.close()


def _options(loop: LoopSettings) -> LoopOptions:
    return LoopOptions(
        max_in_flight=loop.max_in_flight,
        commit_interval_s=loop.commit_interval_seconds,
        drain_s=loop.drain_seconds,
        retry=RetryOptions(max_dead_letters_in_a_row=loop.dead_letter_burst),
    )
