"""An evaluation as text for people, as one JSON object for programs, and as an HTML file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import typer
from rich.table import Table

from consumers.cli.evaluate.evaluation import Comparison, Evaluation
from consumers.cli.evaluate.tables import comparison_grid, grids
from consumers.cli.options import out
from medie_fhir.evaluation import FieldScore, Grid, ReportNote, Scores, Verdict, Verdicts, html_report
from medie_fhir.model import Json

__all__ = ["errors_view", "evaluation_view", "show", "write_html"]


def show(made: Evaluation, comparison: Comparison | None) -> None:
    """All tables, on the terminal."""
    for grid in _all_grids(made, comparison):
        out.print(_rich(grid))


def write_html(file: Path, made: Evaluation, comparison: Comparison | None, gold: str) -> None:
    """The report, for its owner alone: it holds the notes."""
    header = made.header.model_dump(mode="json", exclude_none=True, by_alias=True, exclude={"fields"})
    about = {"gold": gold, "scored by the mapping": made.mapping} | {
        f"run: {key}": _told(value) for key, value in header.items() if key != "schema"
    }
    if comparison:
        about["the other run differs in"] = ", ".join(comparison.differs_in) or "nothing"
    notes = [
        ReportNote(verdicts, tuple(one for one in made.predicted.facts[verdicts.note.id] if not one.written))
        for verdicts in made.verdicts
    ]
    plots = [
        (title, (("own", one.own), ("calibrated", one.calibrated)))
        for title, one in (("Written", made.written_reliability), ("All that was seen", made.seen_reliability))
    ]
    text = html_report("Evaluation", about, _all_grids(made, comparison), notes, plots)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(text.encode())
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="--html") from None


def evaluation_view(made: Evaluation, comparison: Comparison | None) -> Json:
    """All figures; the paths in it are what a gate names."""
    view: Json = {
        "run": made.header.model_dump(mode="json", by_alias=True),
        "scored_by": {"mapping": made.mapping, "tables": made.tables},
        "notes": len(made.notes),
        **_scores(made.scores),
        "intervals": {name: [one.low, one.high] for name, one in made.intervals.items()},
        "calibration": asdict(made.written_reliability.calibrated),
        "reliability": {"written": asdict(made.written_reliability), "seen": asdict(made.seen_reliability)},
        "read": _scores(made.read),
        "cost": made.cost.view(),
        "readers": {
            name: {"written": _scores(reader.written), "saw": _scores(reader.saw)}
            for name, reader in made.readers.items()
        },
        "note_types": {name: {"notes": count} | _scores(scores) for name, (count, scores) in made.note_types.items()},
    }
    if comparison:
        view["compared"] = {
            "with": comparison.other.header.model_dump(mode="json", by_alias=True),
            "differs_in": [*comparison.differs_in],
            "its": _scores(comparison.other.scores) | {"cost": comparison.other.cost.view()},
            "difference": {n: asdict(d) | {"real": d.is_real} for n, d in comparison.figures.items()},
        }
    return view


def errors_view(notes: Iterable[Verdicts]) -> list[tuple[str, str, str, str]]:
    """Every error: the note's id, the field, its kind, the value."""
    errors = []
    for note in notes:
        wrong = [one for one in note.judged if one.verdict is Verdict.WRONG]
        errors += [(note.note.id, w.fact.field, f"forbidden: {w.trap}" if w.trap else "wrong", w.item) for w in wrong]
        errors += [(note.note.id, miss.field, "missed", miss.value) for miss in note.missed]
    return errors


def _scores(scores: Scores) -> Json:
    tally = scores.total.tally
    return {
        "macro_f1": scores.macro_f1,
        **scores.total.rates._asdict(),
        "exact_match": scores.exact_match,
        "exact_f1": scores.exact_f1,
        "predicted": int(tally.right + tally.wrong + tally.ignored),
        "forbidden": int(tally.forbidden),
        "forbidden_share": scores.forbidden,
        "ungrounded_share": scores.ungrounded,
        "negatives": asdict(scores.negatives) | {"unclean": scores.negatives.notes - scores.negatives.clean},
        "fields": {name: _field(one) for name, one in scores.fields.items()},
        "traps": {name: asdict(trap) for name, trap in scores.traps.items()},
    }


def _field(one: FieldScore) -> Json:
    counts = ("right", "wrong", "ignored", "forbidden", "gold", "found")
    exact = {"exact_match": one.exact_match, "exact_f1": one.exact_f1}
    return one.rates._asdict() | exact | {name: int(getattr(one.tally, name)) for name in counts}


def _all_grids(made: Evaluation, comparison: Comparison | None) -> list[Grid]:
    return [*grids(made), *(comparison_grid(comparison, made) if comparison else [])]


def _rich(grid: Grid) -> Table:
    table = Table(title=grid.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for place, name in enumerate(grid.columns):
        table.add_column(name, justify="right" if place else "left", overflow="fold", no_wrap=bool(place))
    for row in grid.rows:
        table.add_row(*row)
    return table


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
