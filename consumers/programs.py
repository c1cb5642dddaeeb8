"""The two consumers, put together: a broker, a pipeline, and the loop that joins them."""

from __future__ import annotations

from consumers.broker import Broker, Topics
from consumers.dead_letters import DeadLetters
from consumers.extract import ExtractWorker
from consumers.loop import Loop, LoopOptions
from consumers.outcomes import Report
from consumers.publish import PublishWorker
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import LoopSettings, Settings

__all__ = ["extract_loop", "publish_loop"]


def extract_loop(settings: Settings, broker: Broker, pipeline: Pipeline, report: Report) -> Loop:
    """The first half: note events → extraction records."""
    kafka, producer = settings.kafka, broker.producer()
    topics = Topics(kafka.events, kafka.extractions, kafka.dead_letters)
    return Loop(
        consumer=broker.consumer(kafka.events, f"{kafka.group}-extract"),
        worker=ExtractWorker(pipeline, producer, topics, report),
        dead_letters=DeadLetters(producer, kafka.dead_letters),
        report=report,
        options=_options(settings.loop),
    )


def publish_loop(settings: Settings, broker: Broker, pipeline: Pipeline, report: Report) -> Loop:
    """The second half: extraction records → FHIR resources."""
    kafka, producer = settings.kafka, broker.producer()
    return Loop(
        consumer=broker.consumer(kafka.extractions, f"{kafka.group}-publish"),
        worker=PublishWorker(pipeline, report),
        dead_letters=DeadLetters(producer, kafka.dead_letters),
        report=report,
        options=_options(settings.loop),
    )


def _options(loop: LoopSettings) -> LoopOptions:
    return LoopOptions(
        max_in_flight=loop.max_in_flight,
        commit_interval_s=loop.commit_interval_seconds,
        drain_s=loop.drain_seconds,
    )
