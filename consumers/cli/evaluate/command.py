"""The command: reads the notes or takes a saved run, scores them, prints what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from consumers.cli.evaluate.predicted import Predicted
from consumers.cli.evaluate.reading import Chosen, read_notes, with_readers
from consumers.cli.evaluate.run_file import Run, read_run
from consumers.cli.evaluate.views import errors_view, field_table, row_table, scores_view, trap_table
from consumers.cli.mapping.check import settings_with
from consumers.cli.options import Config, err, out, run_async
from medie_fhir.evaluation import GoldNote, Scores, read_gold, score
from medie_fhir.wiring import Configuration

__all__ = ["evaluate"]


def evaluate(  # noqa: PLR0917 - one parameter an option
    gold: Annotated[Path, typer.Argument(help="Annotated notes, a JSON object a line (docs/evaluate.md).")],
    save: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Keep the run here; one that was cut off goes on.")
    ] = None,
    run: Annotated[Path | None, typer.Option(metavar="RUN", help="Score a saved run again; no model is asked.")] = None,
    readers: Annotated[Chosen | None, typer.Option(help="Who reads, in the place of the settings'.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="A mapping, in the place of the settings'.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many notes.")] = None,
    errors: Annotated[int, typer.Option(min=0, help="Print so many errors, with the values: patients' data.")] = 0,
    config: Config = None,
) -> None:
    """Measure what is read in notes against what a person read in them."""
    if save and run:
        raise typer.BadParameter("--save and --run exclude each other")
    settings = with_readers(settings_with(mapping, config), readers)
    configuration = Configuration(settings)
    fields = tuple(configuration.task.fields)
    notes, digest = _gold(gold, limit)
    if run:
        made = read_run(run, "--run")
        notes = _in_run(notes, made, digest, fields)
    else:
        made = run_async(read_notes(settings, configuration, notes, gold=digest, save=save))
    records = {note.id: made.lines[note.id].record for note in notes}
    predicted = Predicted.of(notes, records, configuration)
    verdicts = predicted.written()
    scores = score(verdicts, fields)
    rows = _rows(predicted, scores)
    if as_json:
        view = scores_view(scores) | {"rows": {name: scores_view(row) for name, (_, row) in rows.items()}}
        typer.echo(json.dumps({"run": made.header.model_dump(by_alias=True), "notes": len(notes)} | view))
    else:
        out.print(field_table(scores))
        out.print(row_table(rows))
        out.print(trap_table(scores))
        negatives = scores.negatives
        out.print(f"negatives without a wrong value: {negatives.clean} of {negatives.notes}", highlight=False)
    for line in errors_view(verdicts)[:errors]:
        out.print("\t".join(line), highlight=False, soft_wrap=True)


def _gold(file: Path, limit: int | None) -> tuple[tuple[GoldNote, ...], str]:
    """The notes, and the SHA-256 of their file."""
    try:
        data = file.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="GOLD") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file}: is not UTF-8 text", param_hint="GOLD") from None
    return read_gold(text, str(file))[:limit], hashlib.sha256(data).hexdigest()


def _in_run(notes: Sequence[GoldNote], run: Run, digest: str, fields: tuple[str, ...]) -> tuple[GoldNote, ...]:
    """The notes that a saved run holds."""
    if run.header.fields != fields:
        raise typer.BadParameter(f"made for the task {run.header.task}, which has other fields", param_hint="--run")
    if run.header.gold != digest:
        err.print("the run was made of another version of the gold file", highlight=False)
    held = tuple(note for note in notes if note.id in run.lines)
    if not held:
        raise typer.BadParameter("holds none of these notes", param_hint="--run")
    if len(held) < len(notes):
        err.print(f"the run holds {len(held)} of {len(notes)} notes; only these are scored", highlight=False)
    return held


def _rows(predicted: Predicted, scores: Scores) -> dict[str, tuple[int, Scores]]:
    """What may be written; of each reader alone; all that each reader saw."""
    count, fields = len(predicted.notes), predicted.fields
    rows = {"written": (count, scores)}
    for reader in predicted.readers:
        rows[f"written, seen by {reader}"] = (count, score(predicted.written_of(reader), fields))
        rows[f"all that {reader} saw"] = (count, score(predicted.read_by(reader), fields))
    return rows
