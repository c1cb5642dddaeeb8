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
    """A table of one note's facts, those that policy holds back marked with the reason."""
    table = Table(title=title, title_justify="left", show_lines=False)
    for column in ("field", "value", "code", "evidence", "found", "asserted", "sure", "written"):
        table.add_column(column, overflow="fold")
    rows = sorted(facts, key=lambda c: fields.index(c.fact.field))
    for coded in rows:
        fact, main = coded.fact, coded.concept.main
        places = ", ".join(f"{e.start}–{e.end}" for e in fact.evidence[:_SHOWN]) + (
            " …" if len(fact.evidence) > _SHOWN else ""
        )
        table.add_row(
            fact.field,
            fact.value,
            f"{main.code} {main.display or ''}".strip() if main else "–",
            places or "–",
            fact.alignment.value,
            asserted(fact),
            f"{fact.confidence:.2f}" if fact.confidence is not None else "–",
            "yes" if coded.written else f"no: {coded.reason}",
        )
    return table
