"""The first consumer: events in, extraction records out."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol, TypedDict

from consumers.broker import Headers, Message, Producer, Topics
from consumers.outcomes import NoteFailed, NoteOutcome, Report, Verdict, policy_of
from medie_fhir.drift import Seen
from medie_fhir.errors import DocumentError, EventError, MedieError, NoteSkipped, Policy
from medie_fhir.model import ExtractionRecord, NoteEvent, Outcome
from medie_fhir.reading import MODEL
from medie_fhir.telemetry import trace_headers

__all__ = ["ExtractPipeline", "ExtractWorker"]


class _About(TypedDict):
    headers: Headers
    timestamp_ms: int | None


class ExtractPipeline(Protocol):
    """What the worker needs of the pipeline."""

    def parse(
        self,
        value: bytes | None,
        key: bytes | None = None,
        *,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> tuple[NoteEvent | EventError, ...]:
        """What a record says happened, without asking anyone. Raises EventError."""
        ...

    async def events(
        self,
        value: bytes | None,
        key: bytes | None = None,
        *,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> tuple[NoteEvent | EventError | DocumentError, ...]:
        """The events of a record's value; what is wrong with one entry of a Bundle stands in its place as a value.

        Raises EventError for a value that is no event at all.
        """
        ...

    async def extract(self, event: NoteEvent) -> ExtractionRecord:
        """All that is read in one note. Raises any MedieError."""
        ...


class ExtractWorker:
    """Handles records of the documents topic."""

    stage = "extract"

    def __init__(self, pipeline: ExtractPipeline, producer: Producer, topics: Topics, report: Report) -> None:
        self._pipeline = pipeline
        self._producer = producer
        self._topics = topics
        self._report = report

    async def handle(self, message: Message) -> None:
        """Extract every event of a record, and return when all extraction records are acknowledged.

        What is wrong with one event keeps no other from being read: the first such error is raised at the end, for the
        dead letter. An error to be tried again, or to stop at, is raised at once; all events then run again.
        """
        events = await self._events(message)
        failures: list[NoteFailed] = []
        outcomes: list[NoteOutcome] = []
        for event in events:
            began = time.perf_counter()
            document = event.document if isinstance(event, NoteEvent) else None
            reference = document.reference if document else None
            verdict, detail, seen = Verdict.REFUSED, None, tuple[Seen, ...]()
            try:
                verdict, detail, seen = await self._extract(event)
            except NoteSkipped as skipped:
                verdict, detail = Verdict.SKIPPED, skipped.reason
            except Exception as error:  # noqa: BLE001 - kept for the end, or raised by its policy
                failure = NoteFailed(error, reference, document.key if document else None)
                if policy_of(error) in {Policy.RETRY, Policy.STOP}:
                    raise failure from None
                failures.append(failure)
                if len(failures) == 1:
                    continue  # the dead letter is this note's outcome
                detail = type(error).__name__
            seconds = time.perf_counter() - began
            outcome = NoteOutcome.of(
                message, stage=self.stage, verdict=verdict, seconds=seconds, document=reference, detail=detail
            )
            outcomes.append(replace(outcome, seen=seen))
        for outcome in outcomes:  # only now: until here, all of them might have had to run again
            self._report.finished(outcome)
        if failures:
            raise failures[0]

    async def _events(self, message: Message) -> tuple[NoteEvent | EventError | DocumentError, ...]:
        """The record's events. Where it is but a reference to what can't be had, the failure knows the document."""
        said = (message.value, message.key)
        about: _About = {"headers": message.headers, "timestamp_ms": message.timestamp_ms}
        try:
            return await self._pipeline.events(*said, **about)
        except MedieError as error:
            if named := self._named(said, about):
                raise NoteFailed(error, *named) from None
            raise

    def _named(self, said: tuple[bytes | None, bytes | None], about: _About) -> tuple[str, str] | tuple[()]:
        """Reference and key of the one document that a record is about, where it names one."""
        try:
            events = self._pipeline.parse(*said, **about)
        except EventError:
            return ()
        alone = events[0] if len(events) == 1 else None
        return (alone.document.reference, alone.document.key) if isinstance(alone, NoteEvent) else ()

    async def _extract(
        self, event: NoteEvent | EventError | DocumentError
    ) -> tuple[Verdict, str | None, tuple[Seen, ...]]:
        if not isinstance(event, NoteEvent):
            raise event
        record = await self._pipeline.extract(event)
        await self._producer.send(
            self._topics.extractions,
            key=record.document.key.encode(),
            value=record.to_json().encode(),
            headers=tuple((name, trace.encode()) for name, trace in trace_headers().items()),
        )
        if record.outcome is Outcome.RETRACTED:
            return Verdict.RETRACTED, record.reason.value if record.reason else None, ()
        seen = (Seen.of(reading, MODEL) for reading in record.readings)
        extracted = any(reading.outcome is Outcome.EXTRACTED for reading in record.readings)
        return Verdict.ACCEPTED, (Outcome.EXTRACTED if extracted else record.outcome).value, tuple(filter(None, seen))
