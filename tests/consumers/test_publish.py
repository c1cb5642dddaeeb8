"""Extraction records to FHIR, with a pipeline that reads what to do from the document's id."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from consumers.broker import Message
from consumers.outcomes import NoteFailed, NoteOutcome, Report, Verdict
from consumers.publish import PublishWorker
from medie_fhir.errors import FhirRejected, RecordError
from medie_fhir.model import DocumentInfo, ExtractionRecord, Outcome, Produced


@dataclass(frozen=True)
class Published:
    outcome: str
    resources: int = 0
    retracted: int = 0
    kept: int = 0


class IdPipeline:
    def __init__(self) -> None:
        self.published: list[str] = []

    def record(self, value: bytes) -> ExtractionRecord:
        if value == b"{":
            raise RecordError("not a record")
        produced = Produced(at="2026-01-01T00:00:00Z", software="s", task="oncology@1", task_digest="d", model="m")
        return ExtractionRecord(
            document=DocumentInfo(reference=value.decode()), produced=produced, outcome=Outcome.EXTRACTED
        )

    async def publish(self, record: ExtractionRecord) -> Published:
        word = record.document.reference
        if word == "rejected":
            raise FhirRejected("Mrs. Jones")
        self.published.append(word)
        return Published(word, 3, 2, 1)


class Desk:
    def __init__(self) -> None:
        self.outcomes: list[NoteOutcome] = []
        self.pipeline = IdPipeline()
        self.worker = PublishWorker(self.pipeline, Report(self.outcomes.append))

    async def handle(self, value: bytes | None) -> None:
        await self.worker.handle(Message("medie.extractions", 0, 4, b"k", value))


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        ("written", Verdict.ACCEPTED),
        ("empty", Verdict.ACCEPTED),
        ("stale", Verdict.SKIPPED),
        ("retracted", Verdict.RETRACTED),
    ],
)
async def test_a_published_record_is_told_with_what_it_did(outcome, verdict):
    desk = Desk()
    await desk.handle(outcome.encode())
    [told] = desk.outcomes
    assert (told.document, told.verdict, told.detail, told.stage) == (outcome, verdict, outcome, "publish")
    assert (told.written, told.retracted, told.kept) == (3, 2, 1)


async def test_compactions_tombstones_are_passed_over():
    desk = Desk()
    await desk.handle(None)
    assert desk.pipeline.published == []
    assert desk.outcomes == []


async def test_a_value_that_is_no_record_is_raised_as_it_is():
    with pytest.raises(RecordError):
        await Desk().handle(b"{")


async def test_what_goes_wrong_is_raised_with_its_document():
    desk = Desk()
    with pytest.raises(NoteFailed) as failed:
        await desk.handle(b"rejected")
    assert isinstance(failed.value.error, FhirRejected)
    assert (failed.value.document, failed.value.key) == ("rejected", "|rejected")
    assert "Jones" not in str(failed.value)
    assert desk.outcomes == []
