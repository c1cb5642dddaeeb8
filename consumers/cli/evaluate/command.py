"""The command: reads the notes or takes a saved run, scores them, says what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from consumers.cli.evaluate.evaluation import Comparison, Evaluation, compare, evaluation
from consumers.cli.evaluate.fit import fitted, write_fitted
from consumers.cli.evaluate.reading import Chosen, read_notes, with_readers
from consumers.cli.evaluate.run_file import Run, read_run
from consumers.cli.evaluate.views import errors_view, evaluation_view, show, write_html
from consumers.cli.mapping.check import settings_with
from consumers.cli.options import Config, err, out, run_async
from medie_fhir.configuration import Configuration
from medie_fhir.evaluation import Gate, GoldNote, load_gate, read_gold

__all__ = ["evaluate"]


def evaluate(  # noqa: PLR0917 - one parameter an option
    gold: Annotated[Path, typer.Argument(help="Annotated notes, a JSON object a line (docs/evaluate.md).")],
    save: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Keep the run here; one that was cut off goes on.")
    ] = None,
    run: Annotated[Path | None, typer.Option(metavar="RUN", help="Score a saved run again; no model is asked.")] = None,
    other: Annotated[
        Path | None, typer.Option("--compare", metavar="RUN", help="A saved run of the same notes to compare with.")
    ] = None,
    gate: Annotated[Path | None, typer.Option(help="Thresholds, as YAML; below them the exit code is 1.")] = None,
    readers: Annotated[Chosen | None, typer.Option(help="Who reads, in the place of the settings'.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="A mapping, in the place of the settings'.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a report with every note: patients' data.")] = None,
    fit_confidence: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Fit the readers' confidences to these notes, as a task's file.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many notes.")] = None,
    errors: Annotated[int, typer.Option(min=0, help="Print so many errors, with the values: patients' data.")] = 0,
    config: Config = None,
) -> None:
    """Measure what is read in notes against what a person read in them.

    Exit codes: 0 measured (and no threshold missed), 1 below a threshold, 2 wrong use, 3 the model is not reachable.
    """
    if run and (save or readers):
        raise typer.BadParameter("--run scores what was read before: no --save, no --readers")
    thresholds = load_gate(_text(gate, "--gate"), str(gate)) if gate else None
    settings = with_readers(settings_with(mapping, config), readers)
    configuration = Configuration(settings)
    notes: Sequence[GoldNote] = read_gold(_text(gold, "GOLD"), str(gold))[:limit]
    fields = tuple(configuration.task.fields)
    _check_fields(notes, fields, gold)
    digest = hashlib.sha256(gold.read_bytes()).hexdigest()
    if run:
        read = read_run(run, "--run")
    else:
        read = run_async(read_notes(settings, configuration, notes, gold=digest, save=save))
    before = read_run(other, "--compare") if other else None
    notes = _held(notes, [one for one in (read, before) if one], digest, fields)
    made = evaluation(read, notes, configuration)
    comparison = compare(made, evaluation(before, notes, configuration)) if before else None
    if html:
        write_html(html, made, comparison, gold.name)
    if fit_confidence:
        write_fitted(fit_confidence, fitted(made))
    _say(made, comparison, thresholds, as_json=as_json, errors=errors)


def _say(made: Evaluation, comparison: Comparison | None, gate: Gate | None, *, as_json: bool, errors: int) -> None:
    """Print all of it, and end with 1 below the gate."""
    view = evaluation_view(made, comparison)
    shortfalls = gate.shortfalls(view) if gate else ()
    wrong = errors_view(made.verdicts)[:errors]
    if as_json:
        passed = {} if gate is None else {"gate": {"passed": not shortfalls, "fails": [*map(str, shortfalls)]}}
        listed = {"errors": wrong} if errors else {}
        typer.echo(json.dumps(view | passed | listed, ensure_ascii=False))
    else:
        show(made, comparison)
        for line in wrong:
            out.print("\t".join(line), highlight=False, soft_wrap=True)
    for shortfall in shortfalls:
        err.print(f"below the gate: {shortfall}", highlight=False, soft_wrap=True)
    if shortfalls:
        raise typer.Exit(1)


def _text(file: Path, hint: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint=hint) from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file}: is not UTF-8 text", param_hint=hint) from None


def _check_fields(notes: Sequence[GoldNote], fields: tuple[str, ...], gold: Path) -> None:
    """A misspelt field would count as one in which nothing is to be read."""
    if unknown := sorted({name for note in notes for name in note.gold} - set(fields)):
        told = f"{gold}: no field of the task: {', '.join(unknown)}; it has {', '.join(fields)}"
        raise typer.BadParameter(told, param_hint="GOLD")


def _held(notes: Sequence[GoldNote], runs: Sequence[Run], digest: str, fields: tuple[str, ...]) -> tuple[GoldNote, ...]:
    """The notes that all the runs hold."""
    for run in runs:
        if run.header.fields != fields:
            raise typer.BadParameter(f"a run of the task {run.header.task}, which has other fields", param_hint="RUN")
        if run.header.gold != digest:
            err.print("a run was made of another version of the gold file", highlight=False)
    held = tuple(note for note in notes if all(note.id in run.lines for run in runs))
    if not held:
        raise typer.BadParameter("holds none of these notes", param_hint="RUN")
    if len(held) < len(notes):
        err.print(f"only {len(held)} of {len(notes)} notes were read, and are scored", highlight=False)
    return held
