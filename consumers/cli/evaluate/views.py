"""The figures of an evaluation, as tables for people and as one JSON object for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from medie_fhir.evaluation import FieldScore, Scores, Verdict, Verdicts
from medie_fhir.model import Json

__all__ = ["errors_view", "field_table", "row_table", "scores_view", "trap_table"]


def field_table(scores: Scores) -> Table:
    """Precision, recall, F1 and the counts that they come of, a row a field."""
    table = _table("field", "P", "R", "F1", "exact", "set F1", "gold", "found", "right", "wrong", "ignored")
    rows = [*scores.fields.items(), ("all values", scores.total)]
    for name, one in rows:
        table.add_row(name, *(f"{rate:.3f}" for rate in (*one.rates, one.exact_match, one.exact_f1)), *_counts(one))
    return table


def row_table(rows: Mapping[str, tuple[int, Scores]]) -> Table:
    """One row a set of notes or a reader."""
    table = _table("", "notes", "macro-F1", "P", "R", "F1", "set F1", "right", "wrong", "forbidden")
    for name, (notes, scores) in rows.items():
        tally = scores.total.tally
        rates = (scores.macro_f1, *scores.total.rates, scores.exact_f1)
        counts = (tally.right, tally.wrong, tally.forbidden)
        table.add_row(name, str(notes), *(f"{rate:.3f}" for rate in rates), *(f"{count:.0f}" for count in counts))
    return table


def trap_table(scores: Scores) -> Table:
    """The traps, and how many notes and values they caught."""
    table = _table("trap", "notes", "caught notes", "caught values")
    for name, trap in scores.traps.items():
        table.add_row(name, str(trap.notes), str(trap.caught_notes), str(trap.caught_values))
    return table


def errors_view(notes: Iterable[Verdicts]) -> list[tuple[str, str, str, str]]:
    """Every error: the note's id, the field, its kind, the value."""
    errors = []
    for note in notes:
        wrong = [one for one in note.judged if one.verdict is Verdict.WRONG]
        errors += [(note.note.id, w.fact.field, f"forbidden: {w.trap}" if w.trap else "wrong", w.item) for w in wrong]
        errors += [(note.note.id, miss.field, "missed", miss.value) for miss in note.missed]
    return errors


def scores_view(scores: Scores) -> Json:
    """All the figures."""
    tally = scores.total.tally
    return {
        "macro_f1": scores.macro_f1,
        **_rates(scores.total),
        "exact_match": scores.exact_match,
        "exact_f1": scores.exact_f1,
        "predicted": int(tally.right + tally.wrong + tally.ignored),
        "forbidden": int(tally.forbidden),
        "forbidden_share": scores.forbidden,
        "ungrounded_share": scores.ungrounded,
        "negatives": {
            "notes": scores.negatives.notes,
            "clean": scores.negatives.clean,
            "invented": scores.negatives.invented,
        },
        "fields": {
            name: _rates(one)
            | {"exact_match": one.exact_match, "exact_f1": one.exact_f1}
            | {k: int(v) for k, v in one.tally._asdict().items() if k not in {"notes", "exact", "set_f1"}}
            for name, one in scores.fields.items()
        },
        "traps": {
            name: {"notes": t.notes, "caught_notes": t.caught_notes, "caught_values": t.caught_values}
            for name, t in scores.traps.items()
        },
    }


def _rates(one: FieldScore) -> Json:
    return one.rates._asdict()


def _counts(one: FieldScore) -> Sequence[str]:
    tally = one.tally
    return [f"{count:.0f}" for count in (tally.gold, tally.found, tally.right, tally.wrong, tally.ignored)]


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table
