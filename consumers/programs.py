"""The two consumers, put together: a broker, a pipeline, what they depend on, and the loop that joins them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from consumers.broker import Broker, Producer, Topics
from consumers.bundle_topic import BundleTopic
from consumers.dead_letters import DeadLetters
from consumers.dependencies import Dependency
from consumers.extract import ExtractWorker
from consumers.loop import Loop, LoopOptions
from consumers.outcomes import Report
from consumers.publish import PublishWorker
from consumers.retrying import RetryOptions
from medie_fhir.errors import BrokerUnavailable, FhirError, ModelError, TerminologyError
from medie_fhir.settings import KafkaSettings, Settings
from medie_fhir.telemetry import Telemetry
from medie_fhir.wiring import WatchedPipeline

__all__ = [
    "bundle_topic",
    "extract_loop",
    "publish_dependencies",
    "publish_loop",
    "retry_options",
    "run_together",
    "topics_of",
]

_MIB = 1024 * 1024
_OF_THE_SESSION = 0.9  # a freeze as long as the session begins with the last poll before it


def topics_of(kafka: KafkaSettings) -> Topics:
    """The names of our topics."""
    return Topics(kafka.events, kafka.extractions, kafka.dead_letters)


@contextmanager
def extract_loop(
    settings: Settings, broker: Broker, pipeline: WatchedPipeline, report: Report, telemetry: Telemetry | None = None
) -> Iterator[Loop]:
    """The first half, ready to run: note events → extraction records. Its producer is closed at the end."""
    kafka, producer = settings.kafka, broker.producer()
    try:
        yield Loop(
            consumer=broker.consumer(kafka.events, f"{kafka.group}-extract", instance_id=kafka.instance_id),
            worker=ExtractWorker(pipeline, producer, topics_of(kafka), report),
            dead_letters=DeadLetters(producer, kafka.dead_letters),
            report=report,
            options=_options(settings),
            dependencies=(
                Dependency("model", (ModelError,), pipeline.model.describe, lambda: pipeline.model.worked),
                Dependency("source", (FhirError,), pipeline.source.capabilities, lambda: pipeline.source.worked),
                _kafka(broker, kafka.extractions),
            ),
            telemetry=telemetry,
        )
    finally:
        producer.close()


@contextmanager
def publish_loop(
    settings: Settings, broker: Broker, pipeline: WatchedPipeline, report: Report, telemetry: Telemetry | None = None
) -> Iterator[Loop]:
    """The second half, ready to run: extraction records → FHIR resources. Its producer is closed at the end."""
    kafka, producer = settings.kafka, broker.producer()
    try:
        loop = Loop(
            consumer=broker.consumer(kafka.extractions, f"{kafka.group}-publish", instance_id=kafka.instance_id),
            worker=PublishWorker(pipeline, report),
            dead_letters=DeadLetters(producer, kafka.dead_letters),
            report=report,
            options=_options(settings),
            dependencies=publish_dependencies(settings, broker, pipeline),
            telemetry=telemetry,
        )
        pipeline.written.guard = loop.check_presence
        yield loop
    finally:
        producer.close()


def publish_dependencies(settings: Settings, broker: Broker, pipeline: WatchedPipeline) -> tuple[Dependency, ...]:
    """What publishing needs: the FHIR server or the topic in its place, and a terminology server where one is asked."""
    written = Dependency("fhir", (FhirError,), pipeline.target.capabilities, lambda: pipeline.written.worked)
    bundles = settings.kafka.bundles
    return (_kafka(broker, bundles) if bundles else written, *_terminology(pipeline))


def retry_options(settings: Settings) -> RetryOptions:
    """When a record is tried again, and when it is at fault itself."""
    loop = settings.loop
    return RetryOptions(
        outage_after=loop.outage_after_attempts,
        max_attempts=loop.max_attempts,
        dead_letter_burst=loop.dead_letter_burst,
    )


def bundle_topic(settings: Settings, producer: Producer) -> BundleTopic | None:
    """The topic that Bundles are put on in the FHIR server's place, where the settings name one."""
    topic = settings.kafka.bundles
    return BundleTopic(producer, topic, source=settings.notes.source) if topic else None


async def run_together(loops: Sequence[Loop], stop_all: Callable[[], None], *, until_end: bool = False) -> None:
    """Run the loops side by side; when one ends, by an error or a signal, the others stop in good order too.

    With ``until_end`` each is to finish when the one before it has, for until then more may come from there. Raises
    what ended the first of them that failed.
    """

    async def one(loop: Loop, following: Loop | None) -> None:
        try:
            await loop.run()
        except BaseException:
            stop_all()
            raise
        if until_end and following is not None:
            following.finish()
        else:
            stop_all()

    if until_end:
        loops[0].finish()
    pairs = zip(loops, [*loops[1:], None], strict=True)
    ended = await asyncio.gather(*(one(loop, following) for loop, following in pairs), return_exceptions=True)
    for error in ended:
        if isinstance(error, BaseException):
            raise error


def _kafka(broker: Broker, topic: str) -> Dependency:
    """The broker, as something that is written to. Being away is never a record's own fault: nothing is counted."""
    return Dependency("kafka", (BrokerUnavailable,), lambda: asyncio.to_thread(broker.check_topics, [topic]), lambda: 0)


def _terminology(pipeline: WatchedPipeline) -> Iterator[Dependency]:
    """The terminology server, where one is asked; where it isn't required, its errors never come here."""
    if (asked := pipeline.terminology) is not None:
        http = asked.http
        yield Dependency("terminology", (TerminologyError,), http.probe, lambda: http.worked)


def _options(settings: Settings) -> LoopOptions:
    loop = settings.loop
    return LoopOptions(
        max_in_flight=loop.max_in_flight,
        max_in_flight_bytes=loop.max_in_flight_mebibytes * _MIB,
        commit_interval_s=loop.commit_interval_seconds,
        drain_s=loop.drain_seconds,
        absent_after_s=_OF_THE_SESSION * settings.kafka.session_timeout_seconds,
        retry=retry_options(settings),
    )
