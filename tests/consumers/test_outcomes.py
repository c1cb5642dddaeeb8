"""Outcomes are counted and told; what listens can't harm a record."""

from __future__ import annotations

from dataclasses import replace

from consumers.broker import Message
from consumers.outcomes import NoteOutcome, Report, Verdict, policy_of
from medie_fhir.errors import FhirUnavailable, NoteSkipped, Policy

OUTCOME = NoteOutcome.of(Message("t", 1, 2, None, None), stage="extract", verdict=Verdict.ACCEPTED, seconds=0.5)


def test_outcomes_are_counted_by_stage_and_passed_on():
    heard: list[NoteOutcome] = []
    report = Report(heard.append)
    report.finished(OUTCOME)
    report.finished(OUTCOME)
    assert report.counts() == {("extract", Verdict.ACCEPTED): 2}
    assert heard == [OUTCOME, OUTCOME]
    assert (OUTCOME.topic, OUTCOME.partition, OUTCOME.offset) == ("t", 1, 2)


def test_a_listener_that_fails_harms_nothing_and_says_no_text(caplog):
    def listen(outcome: NoteOutcome) -> None:
        raise ValueError("Mrs. Jones")

    report = Report(listen)
    report.finished(OUTCOME)
    assert report.counts() == {("extract", Verdict.ACCEPTED): 1}
    assert "ValueError" in caplog.text
    assert "Jones" not in caplog.text


def test_a_log_names_a_document_by_its_id_and_never_by_an_identifier():
    for document, shown in (
        ("DocumentReference/1", "DocumentReference/1"),
        ("urn:mrn|12345\nJones", "identifier"),
        (None, "?"),
    ):
        assert replace(OUTCOME, document=document).shown == shown


def test_an_error_that_is_not_ours_is_a_bug_and_its_record_a_dead_letter():
    assert policy_of(KeyError()) is Policy.DEAD_LETTER
    assert policy_of(FhirUnavailable()) is Policy.RETRY
    assert policy_of(NoteSkipped("image")) is Policy.SKIP
