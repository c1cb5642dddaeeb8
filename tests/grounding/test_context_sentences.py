"""What a note says of a mention, in 400 sentences of our own (``sentences.csv``).

``part`` says when a sentence was written: ``blind`` before its writer had seen the cues, ``second`` after; ``fresh``
and ``fresh2`` once the cues had been mended for those. ``before`` are the lines above it. ``expected`` is what counts
as right, ``unasserted`` all that is not a fact of the patient. A known failure says why it is one.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from medie_fhir.extraction import load_task
from medie_fhir.grounding import AlignRules, Cues, ground
from medie_fhir.model import NoteText, RawValue, Span
from medie_fhir.shipped import shipped

TASK = load_task(shipped("schemas", "tasks", "oncology.yaml").read_text("utf-8"))
RULES = {  # without what a field needs of others: each mention is judged alone
    name: AlignRules.model_validate(field.grounding).model_copy(update={"needs": frozenset()})
    for name, field in TASK.fields.items()
}
UNASSERTED = "absent|possible|planned|family|other"
with (Path(__file__).parent / "sentences.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))


def cases() -> list[object]:
    return [
        pytest.param(
            row,
            id=f"{row['part']}-{row['class']}-{number}",
            marks=[pytest.mark.xfail(strict=True, reason=row["known_failure"])] if row["known_failure"] else [],
        )
        for number, row in enumerate(ROWS, 2)
    ]


@pytest.mark.parametrize("row", cases())
def test_what_the_note_says_of_it(row: dict[str, str], cues: Cues, note: Callable[[str], NoteText]) -> None:
    text = f"{row['before']}\n{row['sentence']}" if row["before"] else row["sentence"]
    start, end = text.index("[["), text.index("]]") - 2
    plain, span = text.replace("[[", "").replace("]]", ""), Span(start, end)
    value = RawValue(field=row["field"], value=plain[start:end], window=span, reader="test")
    (fact,) = ground([value], note(plain), {row["field"]: RULES[row["field"]]}, cues)
    assert [(e.start, e.end) for e in fact.evidence] == [(start, end)]
    said = fact.assertion.value if fact.experiencer.value == "patient" else fact.experiencer.value
    assert said in (UNASSERTED if row["expected"] == "unasserted" else row["expected"]).split("|")


def test_the_list_is_balanced_and_nearly_all_of_it_is_right() -> None:
    classes = Counter(row["class"] for row in ROWS)
    assert len(ROWS) >= 400
    assert len(classes) == 8
    assert min(classes.values()) >= 45
    assert sum(bool(row["known_failure"]) for row in ROWS) <= 4
