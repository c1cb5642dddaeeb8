"""The figures as tables, for the terminal and the HTML report alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from consumers.cli.evaluate.evaluation import Comparison, Evaluation, Reliability
from medie_fhir.evaluation import FieldScore, Grid, Interval, Scores

__all__ = ["comparison_grid", "grids"]

_ROW = ("notes", "macro-F1", "P", "R", "F1", "set F1", "right", "wrong", "forbidden", "ungrounded")


def grids(made: Evaluation) -> list[Grid]:
    """All tables of one run."""
    kinds = ((name, *_row(count, scores)) for name, (count, scores) in made.note_types.items())
    return [
        _summary(made),
        _fields(made),
        Grid("By reader", ("", *_ROW), tuple((name, *row) for name, row in _readers(made))),
        *([_without_macro("By note type", tuple(kinds))] if len(made.note_types) > 1 else []),
        *_traps(made),
        *_calibration(made),
    ]


def comparison_grid(comparison: Comparison, made: Evaluation) -> list[Grid]:
    """Two runs beside each other, and whether they differ."""
    named = [(f"this run: {_made_by(made)}", made), (f"the other: {_made_by(comparison.other)}", comparison.other)]
    changed = [figure for figure in comparison.figures.items() if "." not in figure[0] or figure[0].endswith(".f1")]
    return [
        Grid("By run", ("", *_ROW), tuple((name, *_row(len(run.notes), run.scores)) for name, run in named)),
        Grid(
            "This run above the other",
            ("", "difference", "95 % from", "to", "p", "real"),
            tuple(
                (name, *(f"{x:+.3f}" for x in (d.value, d.low, d.high)), f"{d.p:.3f}", "yes" if d.is_real else "no")
                for name, d in changed
            ),
        ),
    ]


def _without_macro(title: str, rows: Sequence[tuple[str, ...]]) -> Grid:
    """Few notes have no gold of some fields, and a mean over all fields would say nothing of them."""
    left_out = _ROW.index("macro-F1") + 1
    cut = [(*row[:left_out], *row[left_out + 1 :]) for row in (("", *_ROW), *rows)]
    return Grid(title, cut[0], tuple(cut[1:]))


def _summary(made: Evaluation) -> Grid:
    scores, negatives, cost = made.scores, made.scores.negatives, made.cost.view()
    said = made.written_reliability.calibrated.error
    rows: Iterable[tuple[str, str]] = (
        ("macro-F1", _sure(made.intervals["macro_f1"])),
        ("precision of all values", _sure(made.intervals["precision"])),
        ("recall of all values", _sure(made.intervals["recall"])),
        ("set F1, exact values", _sure(made.intervals["exact_f1"])),
        ("forbidden values", f"{scores.total.tally.forbidden:.0f}, {scores.forbidden:.1%} of what is written"),
        ("negatives without a wrong value", f"{negatives.clean} of {negatives.notes}; invented: {negatives.invented}"),
        ("written without true evidence", f"{scores.ungrounded:.1%}"),
        ("calibration error", "no confidences" if said is None else f"{said:.3f}"),
        ("seconds a note, median and 95th", f"{cost['seconds_median']:.2f}, {cost['seconds_p95']:.2f}"),
        ("tokens a note", f"{cost['tokens_a_note']:.0f}"),
        ("not read: triaged, failed", f"{cost['triaged']}, {cost['failed']}"),
    )
    return Grid(f"{len(made.notes)} notes", ("", "figure"), tuple(rows))


def _fields(made: Evaluation) -> Grid:
    columns = ("field", "P", "R", "F1", "95 %", "exact", "set F1", "gold", "found", "right", "wrong", "ignored")
    rows = [(name, *_field(one, made.intervals[f"{name}.f1"])) for name, one in made.scores.fields.items()]
    rows.append(("all values", *_field(made.scores.total, made.intervals["f1"])))
    return Grid("By field", columns, tuple(rows))


def _field(one: FieldScore, f1: Interval) -> tuple[str, ...]:
    tally = one.tally
    rates = tuple(f"{rate:.3f}" for rate in one.rates)
    exact = tuple(f"{rate:.3f}" for rate in (one.exact_match, one.exact_f1))
    return (
        *rates,
        f"{f1.low:.2f}–{f1.high:.2f}",
        *exact,
        *_counts((tally.gold, tally.found, tally.right, tally.wrong, tally.ignored)),
    )


def _made_by(made: Evaluation) -> str:
    return f"{'+'.join(made.header.readers)}, {made.header.adapter or made.header.model}"


def _readers(made: Evaluation) -> Iterable[tuple[str, tuple[str, ...]]]:
    count = len(made.notes)
    yield "written", _row(count, made.scores)
    yield "read by all together", _row(count, made.read)
    for name, reader in made.readers.items():
        yield f"written, seen by {name}", _row(count, reader.written)
        yield f"all that {name} saw", _row(count, reader.saw)


def _row(notes: int, scores: Scores) -> tuple[str, ...]:
    tally = scores.total.tally
    rates = (scores.macro_f1, *scores.total.rates, scores.exact_f1)
    counts = _counts((tally.right, tally.wrong, tally.forbidden))
    return (str(notes), *(f"{rate:.3f}" for rate in rates), *counts, f"{scores.ungrounded:.1%}")


def _traps(made: Evaluation) -> list[Grid]:
    rows = tuple(
        (name, str(trap.notes), str(trap.caught_notes), str(trap.caught_values))
        for name, trap in made.scores.traps.items()
    )
    return [Grid("Traps", ("trap", "notes", "caught notes", "caught values"), rows)] if rows else []


def _calibration(made: Evaluation) -> list[Grid]:
    figures = ("values", "mean", "right")
    columns = ("confidence", *(f"{kind}: {name}" for kind in ("own", "calibrated") for name in figures))
    of_all = [("Reliability of what is written", made.written_reliability)]
    of_all.append(("Reliability of all that was seen", made.seen_reliability))
    return [Grid(title, columns, rows) for title, one in of_all if (rows := _bins(one))]


def _bins(one: Reliability) -> tuple[tuple[str, ...], ...]:
    """A row for each tenth in which either has values, and the calibration errors."""
    kinds = [{b.low: b for b in kind.bins} for kind in (one.own, one.calibrated)]
    rows = []
    for low in sorted({low for bins in kinds for low in bins}):
        found = [bins.get(low) for bins in kinds]
        cells = [(str(b.values), f"{b.confidence:.3f}", f"{b.right:.3f}") if b else ("", "", "") for b in found]
        rows.append((f"{low:.1f}–{low + 0.1:.1f}", *cells[0], *cells[1]))
    errors = ["" if kind.error is None else f"{kind.error:.3f}" for kind in (one.own, one.calibrated)]
    return (*rows, ("calibration error", errors[0], "", "", errors[1], "", "")) if rows else ()


def _sure(one: Interval) -> str:
    return f"{one.value:.3f} ({one.low:.3f}–{one.high:.3f})"


def _counts(counts: Sequence[float]) -> tuple[str, ...]:
    return tuple(f"{count:.0f}" for count in counts)
