"""What a run took."""

from __future__ import annotations

from consumers.cli.evaluate.cost import cost
from consumers.cli.evaluate.run_file import RunLine
from medie_fhir.model import DocumentInfo, ExtractionRecord, Outcome, Produced, Usage


def test_seconds_tokens_and_failures_are_counted() -> None:
    record = ExtractionRecord(
        document=DocumentInfo(reference="DocumentReference/a", status="current", subject={"reference": "Patient/p"}),
        produced=Produced(at="2026-01-01T00:00:00Z", software="s", task="t", task_digest="d", model="m"),
        outcome=Outcome.TRIAGED,
        usage=Usage(prompt_tokens=30, completion_tokens=10, cached=True),
    )
    lines = [RunLine(id="a", seconds=1, record=record), RunLine(id="b", seconds=3, error="ModelOutputError")]
    view = cost(lines).view()
    assert (view["seconds_mean"], view["seconds_median"], view["seconds_p95"]) == (2, 2, 3)
    assert (view["tokens_a_note"], view["cached"], view["triaged"]) == (20, 1, 1)
    assert (view["failed"], view["failed_by"]) == (1, {"ModelOutputError": 1})
