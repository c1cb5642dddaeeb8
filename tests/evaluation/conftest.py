"""The project's own gold notes, the shipped vocabulary, and facts that say what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import strategies as st

from medie_fhir.evaluation import GoldNote, Matcher, Verdicts, judge_note, load_vocabulary, read_gold
from medie_fhir.model import Alignment, Evidence, Fact
from medie_fhir.shipped import shipped

FIELDS = ("cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site")
Say = Callable[..., Verdicts]


@pytest.fixture(scope="session")
def matcher() -> Matcher:
    file = shipped("schemas", "evaluation", "oncology.yaml")
    return Matcher(load_vocabulary(file.read_text(encoding="utf-8"), file.name))


@pytest.fixture(scope="session")
def notes() -> tuple[GoldNote, ...]:
    file = Path(__file__).parent / "notes.jsonl"
    return read_gold(file.read_text(encoding="utf-8"), file.name)


@pytest.fixture(scope="session")
def fields() -> tuple[str, ...]:
    return FIELDS


@pytest.fixture(scope="session")
def said(matcher: Matcher) -> Say:
    """The verdicts on a note for which values are predicted, by field; each where it first stands, if it does."""

    def judge(note: GoldNote, values: Mapping[str, Sequence[str]], confidence: float | None = None) -> Verdicts:
        facts = [
            Fact(
                field=field,
                value=value,
                evidence=_evidence(note.text, value),
                alignment=Alignment.EXACT,
                confidence=confidence,
                readers=("model",),
            )
            for field, of_field in values.items()
            for value in of_field
        ]
        return judge_note(note, facts, FIELDS, matcher)

    return judge


@pytest.fixture(scope="session")
def predictions(notes: tuple[GoldNote, ...], said: Say) -> st.SearchStrategy[list[Verdicts]]:
    """Predictions for all the notes, made of what any of them holds, allows or forbids."""
    pool = {
        field: sorted(
            {value for note in notes for value in (*note.gold.get(field, ()), *note.optional.get(field, ()))}
            | {one.value for note in notes for one in note.forbid if one.field == field}
        )
        for field in FIELDS
    }
    values = st.fixed_dictionaries({field: st.lists(st.sampled_from(pool[field]), max_size=3) for field in FIELDS})
    return st.lists(values, min_size=len(notes), max_size=len(notes)).map(
        lambda drawn: [said(note, one) for note, one in zip(notes, drawn, strict=True)]
    )


def _evidence(text: str, value: str) -> tuple[Evidence, ...]:
    start = text.find(value)
    return () if start < 0 or not value else (Evidence(start=start, end=start + len(value), text=value),)
