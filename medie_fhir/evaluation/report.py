"""An evaluation as one HTML file that stands alone: tables, and each note with what was read in it.

All text is escaped, nothing is fetched and nothing runs (a Content-Security-Policy says so to the browser). What is
right, wrong, missed and ignored is told apart by a sign and a line, not by colour alone (WCAG 2.2, 1.4.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from medie_fhir.evaluation.marks import Mark, marks, stretches
from medie_fhir.evaluation.reliability import Plot, reliability_svg
from medie_fhir.evaluation.verdicts import Verdict, Verdicts
from medie_fhir.model import CodedFact

__all__ = ["Grid", "ReportNote", "html_report"]

_SIGNS: Final = {"right": "✓", "wrong": "✗", "missed": "○", "ignored": "–"}
_MEANS: Final = {
    "right": "found, and in the gold",
    "wrong": "written, and not in the gold",
    "missed": "in the gold, and not found",
    "ignored": "optional in the gold: neither right nor wrong",
}
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .15rem .6rem; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.text { white-space: pre-wrap; background: #fafafa; border: 1px solid #ddd; padding: 1rem; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; margin: .5rem 0; }
mark { color: inherit; padding: 0 .1em; }
mark sup { font-size: .7em; font-weight: 600; }
.right { background: #d9f2dd; border-bottom: 2px solid #1a7f37; }
.wrong { background: #ffdcd7; border-bottom: 4px double #b3261e; }
.missed { background: #fff3c4; outline: 2px dashed #8a6100; }
.ignored { background: #e8e8f0; border-bottom: 2px dotted #555; }
"""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the first column is names, the others are figures as they are to be shown."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class ReportNote:
    """A note's verdicts, and the facts that policy held back."""

    verdicts: Verdicts
    held: tuple[CodedFact, ...] = ()


def html_report(
    title: str,
    about: Mapping[str, str],
    grids: Sequence[Grid],
    notes: Sequence[ReportNote],
    plots: Sequence[Plot] = (),
) -> str:
    """The whole file. It holds the notes: patients' data."""
    body = [
        f"<h1>{escape(title)}</h1>",
        _table("", ("", ""), [*about.items()], numbers=False),
        *(_table(grid.title, grid.columns, grid.rows) for grid in grids),
        *map(reliability_svg, plots),
        "<h2>Notes</h2>",
        _legend(),
        *(_note(note) for note in notes),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    kinds = ["", *(' class="n"' if numbers else "" for _ in columns[1:])]
    head = "".join(f"<th{kind}>{escape(name)}</th>" for kind, name in zip(kinds, columns, strict=True))
    lines = (
        "<tr>" + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    named = f"<thead><tr>{head}</tr></thead>" if any(columns) else ""
    return f"{heading}<table>{named}<tbody>{''.join(lines)}</tbody></table>"


def _legend() -> str:
    signs = (f'<mark class="{kind}">{_SIGNS[kind]} {kind}</mark> {escape(_MEANS[kind])}' for kind in _SIGNS)
    return f"<p>{'; '.join(signs)}.</p>"


def _note(note: ReportNote) -> str:
    verdicts = note.verdicts
    wrong = sum(one.verdict is Verdict.WRONG for one in verdicts.judged)
    right = sum(one.verdict is Verdict.RIGHT for one in verdicts.judged)
    said = (
        f"{verdicts.note.id} ({verdicts.note.note_type}): {right} right, {wrong} wrong, {len(verdicts.missed)} missed"
    )
    is_open = " open" if wrong or verdicts.missed else ""
    return (
        f"<details{is_open}><summary>{escape(said)}</summary>"
        f'<div class="text">{"".join(_marked(verdicts.note.text, marks(verdicts)))}</div>'
        + _table("", ("", "field", "value", "reader", "sure", "why"), [*_values(note)], numbers=False)
        + "</details>"
    )


def _marked(text: str, found: Sequence[Mark]) -> Iterator[str]:
    for start, end, here in stretches(len(text), found):
        if not here:
            yield escape(text[start:end])
            continue
        kind = here[0].kind
        told = "; ".join(f"{one.field}: {one.value} ({one.kind})" for one in here)
        ends = [f"{_SIGNS[one.kind]} {one.field}" for one in here if one.end == end]
        sup = f"<sup>{escape(', '.join(ends))}</sup>" if ends else ""
        yield f'<mark class="{kind}" title="{escape(told)}">{escape(text[start:end])}{sup}</mark>'


def _values(note: ReportNote) -> Iterator[tuple[str, ...]]:
    for one in note.verdicts.judged:
        kind, fact = one.verdict.value, one.fact
        why = f"trap: {one.trap}" if one.trap else ""
        yield f"{_SIGNS[kind]} {kind}", fact.field, one.item, "+".join(fact.readers), _sure(fact.confidence), why
    for miss in note.verdicts.missed:
        yield f"{_SIGNS['missed']} missed", miss.field, miss.value, "", "", ""
    for coded in note.held:
        fact = coded.fact
        yield "held back", fact.field, fact.value, "+".join(fact.readers), _sure(fact.confidence), coded.reason or ""


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.2f}"
