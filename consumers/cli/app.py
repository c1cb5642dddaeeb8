"""The command's root: its sub-commands, its errors, its exit codes."""

from __future__ import annotations

import sys
import traceback
from enum import IntEnum
from io import TextIOWrapper
from typing import Annotated

import typer

from consumers.cli import (
    adapters,
    codes,
    dead_letters,
    demo,
    doctor,
    evaluate,
    extract,
    inspect,
    mapping,
    models,
    remap,
    run,
    samples,
    status,
)
from medie_fhir import __version__
from medie_fhir.errors import (
    BrokerError,
    DependencyMissing,
    FhirError,
    InvalidMapping,
    InvalidTask,
    InvalidTerminology,
    MedieError,
    ModelError,
    SettingsError,
    TerminologyError,
)

__all__ = ["Exit", "exit_code", "main"]


class Exit(IntEnum):
    """What the command's exit codes mean."""

    DONE = 0
    CHECK_FAILED = 1
    WRONG_USE = 2
    NOT_REACHABLE = 3


app = typer.Typer(
    name="medie-fhir",
    help="Clinical notes from Kafka, read by a language model, grounded, coded, written to FHIR R4.",
    epilog="Exit codes: 0 done, 1 a check failed, 2 wrong use, 3 a dependency is not reachable."
    " Settings: docs/settings.md.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("extract")(extract.extract)
app.command("evaluate")(evaluate.evaluate)
app.command("codes")(codes.codes)
app.command("inspect")(inspect.inspect)
app.command("doctor")(doctor.doctor)
app.command("status")(status.status)
app.command("samples")(samples.samples)
app.command("remap")(remap.remap)
app.add_typer(run.app, name="run")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(models.app, name="models")
app.add_typer(adapters.app, name="adapters")
app.add_typer(mapping.app, name="mapping")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"medie-fhir {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Clinical notes from Kafka, read by a language model, grounded, coded, written to FHIR R4."""


def exit_code(error: MedieError) -> Exit:
    """The exit code that tells a script what kind of error ended the command."""
    match error:
        case SettingsError() | InvalidMapping() | InvalidTask() | InvalidTerminology():
            return Exit.WRONG_USE
        case DependencyMissing() | ModelError() | FhirError() | TerminologyError() | BrokerError():
            return Exit.NOT_REACHABLE
        case _:
            return Exit.CHECK_FAILED


def main() -> None:
    """Run the command. An error of ours is one clear line; of any other the text is left out: it may hold a note's."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a character that the terminal's encoding lacks must not end the command
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except MedieError as error:
        typer.echo(f"medie-fhir: {type(error).__name__}: {error}", err=True)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        typer.echo("medie-fhir: stopped", err=True)
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the last place: beyond it Python would print the text
        traceback.print_tb(error.__traceback__)
        typer.echo(f"medie-fhir: {type(error).__name__}, a fault of this program at the place above", err=True)
        sys.exit(Exit.CHECK_FAILED)
