"""What a note says of a mention (present, negated, a relative's …): grounding against medspaCy's ConText.

Both judge the same mentions: those of tests/grounding/sentences.csv and, where asked, the annotated values of notes.
Prints a table and writes build/bench-assertions.json: {"name", "value", "unit", "baseline", "ratio"} a row, the
baseline medspaCy's, or null where medspaCy is not installed. It needs a Python of its own (spaCy 3.7):

    python3.11 -m venv build/medspacy && build/medspacy/bin/pip install medspacy==1.3.1 rapidfuzz pyyaml
    PYTHONPATH=. build/medspacy/bin/python benchmarks/assertions.py [--notes FILE]

medspaCy runs as it comes: its sentence splitter, default ConText rules, default sections with their attributes. It
tells no plan from another hypothesis, no refusal, and nobody else from a relative, so any of its attributes that fits
counts as right: hypothetical for planned, any but historical for declined, and any for what is not asserted.

A line of FILE is {"text", "gold": {field: [value]}, "forbid": [{"field", "value", "trap"}]}. Of each value that stands
in its note it is counted whether a mention is asserted of the patient.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from medie_fhir.document.segment import segment
from medie_fhir.extraction import load_task
from medie_fhir.grounding import AlignRules, align, ground, load_cues
from medie_fhir.model import NoteText, OffsetMap, RawValue, Span
from medie_fhir.shipped import shipped

REPO = Path(__file__).resolve().parents[1]
TASK = load_task(shipped("schemas", "tasks", "oncology.yaml").read_text("utf-8"))
RULES = {  # without what a field needs of others: each mention is judged alone
    name: AlignRules.model_validate(field.grounding).model_copy(update={"needs": frozenset()})
    for name, field in TASK.fields.items()
}
CUES = load_cues(shipped("schemas", "context", "cues.csv").read_text("utf-8"))
NOT_ASSERTED = frozenset(("absent", "possible", "planned", "family", "other"))
WRITTEN = {"treatment": ("present", "historical"), "response": ("present", "historical")}
ABOUT_CONTEXT = (
    "negated",
    "family",
    "hedged",
    "rule_out",
    "planned",
    "declined",
    "pending",
    "literature",
    "historical",
)
Judge = Callable[[str, str, Sequence[Span]], list[str]]
"""A text, a field and its mentions → what is said of each, in our words."""


@dataclass(frozen=True)
class Row:
    """One sentence of the list: what stands before it, its mention, and what may be said of it."""

    part: str
    kind: str
    field: str
    text: str
    span: Span
    expected: str


def sentences() -> Iterator[Row]:
    """The list of sentences."""
    with (REPO / "tests" / "grounding" / "sentences.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = f"{row['before']}\n{row['sentence']}" if row["before"] else row["sentence"]
            start, end = text.index("[["), text.index("]]") - 2
            plain = text.replace("[[", "").replace("]]", "")
            yield Row(row["part"], row["class"], row["field"], plain, Span(start, end), row["expected"])


def note_of(text: str) -> NoteText:
    """A plain note."""
    found = segment(text)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    same = OffsetMap.identity(len(text))
    return NoteText(text, text, same, "text/plain", sha256, None, found.sentences, found.sections)


def ours(text: str, field: str, spans: Sequence[Span]) -> list[str]:
    """What grounding says of each mention."""
    note, said = note_of(text), []
    for span in spans:
        value = RawValue(field=field, value=text[slice(*span)], window=span, reader="benchmark")
        (fact,) = ground([value], note, {field: RULES[field]}, CUES)
        said.append(fact.assertion.value if fact.experiencer.value == "patient" else fact.experiencer.value)
    return said


def medspacy_judge() -> Judge | None:
    """medspaCy, where it is installed."""
    try:
        medspacy, logger = import_module("medspacy"), import_module("loguru").logger
    except ImportError:
        return None
    logger.remove()  # its splitter tells of every token
    nlp = medspacy.load(enable=["medspacy_pyrush", "medspacy_context"])
    nlp.add_pipe("medspacy_sectionizer", config={"span_attrs": "default"})

    def judge(text: str, field: str, spans: Sequence[Span]) -> list[str]:
        doc = nlp.get_pipe("medspacy_pyrush")(nlp.make_doc(text))
        ents = [doc.char_span(*span, label=field, alignment_mode="expand") for span in spans]
        said = []
        for ent in ents:  # one at a time: mentions may overlap
            doc.ents = [ent]
            for name in ("medspacy_context", "medspacy_sectionizer"):
                doc = nlp.get_pipe(name)(doc)
            said.append(_in_our_words(doc.ents[0]._))
        return said

    return judge


def _in_our_words(attributes: Any) -> str:
    order = {"is_family": "family", "is_negated": "absent", "is_uncertain": "possible", "is_hypothetical": "planned",
             "is_historical": "historical"}  # fmt: skip
    return next((word for attribute, word in order.items() if getattr(attributes, attribute)), "present")


def is_right(said: str, row: Row, *, generous: bool) -> bool:
    """Whether what a judge says is what is expected; generous with one that has fewer classes."""
    if row.expected == "unasserted":
        return said in NOT_ASSERTED
    wanted = set(row.expected.split("|"))
    if generous:  # for classes that the judge has not
        if row.kind in ("declined", "other"):
            return said in NOT_ASSERTED
        if wanted & {"planned", "possible"}:
            wanted |= {"planned", "possible"}
    return said in wanted


def by_sentences(judge: Judge, *, generous: bool) -> tuple[Counter[str], Counter[str]]:
    """Right ones by class and by part, and how many are asserted that should not be, or the other way round."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for row in sentences():
        (said,) = judge(row.text, row.field, [row.span])
        for key in (row.kind, row.part, "all"):
            right[key] += is_right(said, row, generous=generous)
        asserted, should = said == "present", "present" in row.expected.split("|")
        wrong["asserted"] += asserted and not should
        wrong["missed"] += should and row.expected == "present" and not asserted
    return right, wrong


def by_notes(judge: Judge, path: Path) -> Counter[str]:
    """Annotated values that are asserted, and values that must not be reported and are not."""
    count: Counter[str] = Counter()
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        values = [(field, value, "gold") for field, all_ in row["gold"].items() for value in all_]
        values += [
            (f["field"], f["value"], "forbidden") for f in row["forbid"] if any(t in f["trap"] for t in ABOUT_CONTEXT)
        ]
        text = row["text"]
        for field, value, kind in values:
            spans = align(value, note_of(text), Span(0, len(text)), RULES[field]).spans
            if spans:
                asserted = any(said in WRITTEN.get(field, ("present",)) for said in judge(text, field, spans))
                count[kind] += 1
                count[f"{kind} right"] += asserted == (kind == "gold")
    return count


def rows_of(name: str, value: int, total: int, baseline: int | None) -> dict[str, Any]:
    """One row of the result."""
    ratio = None if not baseline else round(value / baseline, 3)
    return {"name": name, "value": value, "unit": f"of {total}", "baseline": baseline, "ratio": ratio}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=Path, help="annotated notes, JSON Lines")
    arguments = parser.parse_args()
    theirs = medspacy_judge()
    if theirs is None:
        print("medspaCy is not installed here: ours alone.", file=sys.stderr)
    total = Counter(key for row in sentences() for key in (row.kind, row.part, "all"))
    right, wrong = by_sentences(ours, generous=False)
    their_right, their_wrong = by_sentences(theirs, generous=True) if theirs else (Counter(), Counter())
    rows = [rows_of(key, right[key], total[key], their_right.get(key)) for key in total]
    rows += [
        rows_of(f"wrongly {key}", wrong[key], total["all"], their_wrong.get(key)) for key in ("asserted", "missed")
    ]
    if arguments.notes:
        mine = by_notes(ours, arguments.notes)
        other = by_notes(theirs, arguments.notes) if theirs else Counter()
        for kind in ("gold", "forbidden"):
            key = f"{kind} right"
            rows.append(rows_of(f"notes: {kind} right", mine[key], mine[kind], other.get(key)))
    for row in rows:
        print(f"{row['name']:24} {row['value']:5} {row['unit']:8} medspaCy {row['baseline']}  ratio {row['ratio']}")
    out = REPO / "build" / "bench-assertions.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
