"""The second consumer: extraction records in, FHIR resources out."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final, Protocol

from consumers.broker import Message
from consumers.outcomes import NoteFailed, NoteOutcome, Report, Verdict
from medie_fhir.model import ExtractionRecord

__all__ = ["PublishPipeline", "PublishWorker", "Published"]

_VERDICTS: Final = {"stale": Verdict.SKIPPED, "retracted": Verdict.RETRACTED}


class Published(Protocol):
    """What publishing a record did: ``outcome`` is ``written``, ``stale``, ``retracted`` or ``empty``."""

    @property
    def outcome(self) -> str:
        """One of the four words."""
        ...

    @property
    def resources(self) -> int:
        """How many resources were written."""
        ...

    @property
    def retracted(self) -> int:
        """How many were taken back."""
        ...

    @property
    def kept(self) -> int:
        """How many stay as someone else has left them."""
        ...


class PublishPipeline(Protocol):
    """What the worker needs of the pipeline."""

    def record(self, value: bytes) -> ExtractionRecord:
        """An extraction record from its JSON. Raises RecordError."""
        ...

    async def publish(self, record: ExtractionRecord) -> Published:
        """Write a record's resources, and take back those that no longer hold. Raises any MedieError."""
        ...


class PublishWorker:
    """Handles records of the extractions topic."""

    stage = "publish"

    def __init__(self, pipeline: PublishPipeline, report: Report) -> None:
        self._pipeline = pipeline
        self._report = report

    async def handle(self, message: Message) -> None:
        """Publish one record. A null value is compaction's tombstone and says nothing of a document: it is passed over.

        (A document that is gone comes as an extraction record whose outcome is ``retracted``.)
        """
        if message.value is None:
            return
        began = time.perf_counter()
        record = self._pipeline.record(message.value)
        document = record.document
        try:
            published = await self._pipeline.publish(record)
        except Exception as error:  # noqa: BLE001 - raised again, with its document
            raise NoteFailed(error, document.reference, document.key) from None
        outcome = NoteOutcome.of(
            message,
            stage=self.stage,
            verdict=_VERDICTS.get(published.outcome, Verdict.ACCEPTED),
            detail=published.outcome,
            document=document.reference,
            seconds=time.perf_counter() - began,
        )
        written, retracted, kept = published.resources, published.retracted, published.kept
        self._report.finished(replace(outcome, written=written, retracted=retracted, kept=kept))
