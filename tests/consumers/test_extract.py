"""Events to extraction records, with a pipeline that reads what to do from the event itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from consumers.broker import Headers, Message, Topics
from consumers.extract import ExtractWorker
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import NoteFailed, NoteOutcome, Report, Verdict
from medie_fhir.errors import (
    BrokerRefused,
    ContentNotFound,
    EventError,
    FhirUnauthorized,
    HashMismatch,
    MedieError,
    ModelUnavailable,
    NoSubject,
    NoteSkipped,
    NotJson,
)
from medie_fhir.model import (
    DocumentInfo,
    EventKind,
    ExtractionRecord,
    NoteEvent,
    Outcome,
    Produced,
    RetractionReason,
)
from medie_fhir.telemetry import passing_on

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "Mrs. Jones has a melanoma"
FAILURES: Mapping[str, MedieError | Exception] = {
    "skip": NoteSkipped("image"),
    "hash": HashMismatch(SECRET),
    "bug": KeyError(SECRET),
    "retry": ModelUnavailable("away"),
    "stop": FhirUnauthorized("401"),
}
PRODUCED = Produced(at="2026-01-01T00:00:00Z", software="s", task="oncology@1", task_digest="d", model="m")


class WordPipeline:
    """The words of a value are its events: ``bad`` is an entry that is wrong, other words are documents' ids.

    A document whose id is in FAILURES fails so; one that is ``gone`` is retracted.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def events(
        self,
        value: bytes | None,
        key: bytes | None = None,
        *,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> tuple[NoteEvent | EventError, ...]:
        assert ("secret", b"s") in headers
        if value is None:
            value = key or b""
        if value == b"{":
            raise NotJson("not JSON")
        assert timestamp_ms == 7
        if value.startswith(b"absent"):
            raise ContentNotFound("no such document")
        return tuple(NoSubject("no subject") if word == "bad" else _event(word) for word in value.decode().split())

    def parse(self, value: bytes | None, key: bytes | None = None, **about: Any) -> tuple[NoteEvent | EventError, ...]:
        if value == b"{":
            raise NotJson("not JSON")
        return tuple(_event(word) for word in (value or key or b"").decode().split())

    async def extract(self, event: NoteEvent) -> ExtractionRecord:
        word = event.document.reference.removeprefix("DocumentReference/")
        self.asked.append(word)
        if word in FAILURES:
            raise FAILURES[word]
        if word == "gone":
            reason = RetractionReason.DELETED
            return ExtractionRecord(
                document=event.document, produced=PRODUCED, outcome=Outcome.RETRACTED, reason=reason
            )
        return ExtractionRecord(document=event.document, produced=PRODUCED, outcome=Outcome.EXTRACTED)


def _event(word: str) -> NoteEvent:
    return NoteEvent(EventKind.NOTE, DocumentInfo(reference=f"DocumentReference/{word}", source="lab"))


class Desk:
    def __init__(self, topics: Topics | None = None) -> None:
        self.topics = topics or Topics()
        self.broker = MemoryBroker()
        self.broker.create_topics({Topics().extractions: 2})
        self.outcomes: list[NoteOutcome] = []
        self.pipeline = WordPipeline()
        report = Report(self.outcomes.append)
        self.worker = ExtractWorker(self.pipeline, self.broker.producer(), self.topics, report)

    async def handle(self, value: bytes | None, key: bytes | None = None) -> None:
        headers = (("traceparent", b"00-9-9-01"), ("secret", b"s"))
        with passing_on({"traceparent": TRACE, "tracestate": "x=1"}):
            await self.worker.handle(Message("notes", 1, 5, key, value, headers, 7))

    @property
    def written(self) -> list[str]:
        records = [
            ExtractionRecord.model_validate_json(m.value or b"") for m in self.broker.records("medie.extractions")
        ]
        return [record.document.reference.removeprefix("DocumentReference/") for record in records]

    @property
    def told(self) -> list[tuple[str | None, Verdict, str | None]]:
        return [(o.document, o.verdict, o.detail) for o in self.outcomes]


async def test_an_extraction_record_is_written_under_its_documents_key():
    desk = Desk()
    await desk.handle(b"a")
    [message] = desk.broker.records("medie.extractions")
    assert message.key == b"lab|DocumentReference/a"
    record = ExtractionRecord.model_validate_json(message.value)
    assert (record.document.reference, record.outcome) == ("DocumentReference/a", Outcome.EXTRACTED)
    assert message.headers == (("traceparent", TRACE.encode()), ("tracestate", b"x=1"))
    assert desk.told == [("DocumentReference/a", Verdict.ACCEPTED, "extracted")]
    assert desk.outcomes[0].seconds >= 0
    assert (desk.outcomes[0].stage, desk.outcomes[0].offset) == ("extract", 5)


async def test_a_tombstone_is_an_event_like_any_other():
    desk = Desk()
    await desk.handle(None, b"gone")
    assert desk.written == ["gone"]
    assert desk.told == [("DocumentReference/gone", Verdict.RETRACTED, "deleted")]


async def test_a_value_that_is_no_event_is_raised_as_it_is():
    with pytest.raises(NotJson):
        await Desk().handle(b"{")


async def test_a_skipped_note_among_others_is_counted_and_the_others_go_on():
    desk = Desk()
    await desk.handle(b"a skip b")
    assert desk.written == ["a", "b"]
    assert desk.told[1] == ("DocumentReference/skip", Verdict.SKIPPED, "image")


@pytest.mark.parametrize(("word", "error"), [("bad", NoSubject), ("hash", HashMismatch), ("bug", KeyError)])
async def test_good_notes_are_written_before_what_is_wrong_with_another_is_raised(word, error):
    desk = Desk()
    with pytest.raises(NoteFailed) as failed:
        await desk.handle(f"a {word} b".encode())
    assert desk.written == ["a", "b"]
    assert isinstance(failed.value.error, error)
    assert [verdict for _, verdict, _ in desk.told] == [Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert SECRET not in str(failed.value)


async def test_the_first_of_several_wrong_notes_is_raised_and_the_others_are_refused():
    desk = Desk()
    with pytest.raises(NoteFailed) as failed:
        await desk.handle(b"hash bad a bug")
    assert isinstance(failed.value.error, HashMismatch)
    assert (failed.value.document, failed.value.key) == ("DocumentReference/hash", "lab|DocumentReference/hash")
    assert desk.told == [
        (None, Verdict.REFUSED, "NoSubject"),
        ("DocumentReference/a", Verdict.ACCEPTED, "extracted"),
        ("DocumentReference/bug", Verdict.REFUSED, "KeyError"),
    ]


@pytest.mark.parametrize(("word", "error"), [("retry", ModelUnavailable), ("stop", FhirUnauthorized)])
async def test_what_is_to_be_tried_again_is_raised_at_once_and_nothing_is_told_twice(word, error):
    desk = Desk()
    with pytest.raises(NoteFailed) as failed:
        await desk.handle(f"a {word} b".encode())
    assert isinstance(failed.value.error, error)
    assert desk.pipeline.asked == ["a", word]
    assert desk.told == []


async def test_a_record_that_cannot_be_written_is_not_told_as_accepted():
    desk = Desk(Topics(extractions="nowhere"))
    with pytest.raises(NoteFailed) as failed:
        await desk.handle(b"a")
    assert isinstance(failed.value.error, BrokerRefused)
    assert desk.told == []


async def test_a_reference_to_what_cannot_be_had_fails_with_the_document_it_names():
    desk = Desk()
    with pytest.raises(NoteFailed) as failed:
        await desk.handle(b"absent")
    assert isinstance(failed.value.error, ContentNotFound)
    assert (failed.value.document, failed.value.key) == ("DocumentReference/absent", "lab|DocumentReference/absent")


async def test_several_references_of_which_one_cannot_be_had_name_none():
    desk = Desk()
    with pytest.raises(ContentNotFound):
        await desk.handle(b"absent other")
