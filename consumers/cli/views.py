"""How facts are shown: as JSON for programs, as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table

from medie_fhir.model import CodedFact, Experiencer, Fact, Json

__all__ = ["fields_view", "note_table"]

_SHOWN = 3  # places of one value; the others are in --json


def asserted(fact: Fact) -> str:
    """What the note says of a value, and where it is another person's, whose."""
    return fact.assertion.value if fact.experiencer is Experiencer.PATIENT else fact.experiencer.value


def fields_view(facts: Iterable[CodedFact], fields: Sequence[str]) -> Json:
    """The facts by field; every field of the task has a list, in the task's order."""
    view: Json = {field: [] for field in fields}
    for coded in facts:
        fact, main = coded.fact, coded.concept.main
        view[fact.field].append(
            {
                "value": fact.value,
                "evidence": [{"text": e.text, "start": e.start, "end": e.end} for e in fact.evidence],
                "alignment": fact.alignment.value,
                "assertion": asserted(fact),
                "confidence": fact.confidence,
                "reader": "+".join(fact.readers),
                "code": main.model_dump() if main else None,
                "fact": coded.written,
                "reason": coded.reason,
            }
        )
    return view


def note_table(title: str, facts: Iterable[CodedFact], fields: Sequence[str]) -> Table:
    """A table of one note's facts: first what may be written, with its code and its place, then what is held back."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, expand=True)
    for column, ratio in (("field", 3), ("value", 5), ("code", 6), ("place", 4)):
        table.add_column(column, ratio=ratio, no_wrap=True, overflow="ellipsis")
    table.add_column("sure", no_wrap=True)
    rows = sorted(facts, key=lambda coded: fields.index(coded.fact.field))
    for coded in (row for row in rows if row.written):
        fact, main = coded.fact, coded.concept.main
        code = f"{main.code} {main.display or ''}".strip() if main else "text only"
        table.add_row(fact.field, fact.value, code, _places(fact), _sure(fact))
    for coded in (row for row in rows if not row.written):
        fact = coded.fact
        table.add_row(fact.field, fact.value, f"held back: {coded.reason}", _places(fact), _sure(fact), style="dim")
    return table


def _places(fact: Fact) -> str:
    more = " …" if len(fact.evidence) > _SHOWN else ""
    return ", ".join(f"{e.start}–{e.end}" for e in fact.evidence[:_SHOWN]) + more


def _sure(fact: Fact) -> str:
    return "" if fact.confidence is None else f"{fact.confidence:.2f}"
