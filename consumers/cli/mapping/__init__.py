"""``medie-fhir mapping``: the mapping that an integrator edits; a file a command."""

from __future__ import annotations

import typer

from consumers.cli.mapping.cases import run_cases
from consumers.cli.mapping.check import check
from consumers.cli.mapping.diff import diff
from consumers.cli.mapping.new import new
from consumers.cli.mapping.render import render
from consumers.cli.mapping.watch import watch

__all__ = ["app"]

app = typer.Typer(help="The mapping: what may be written, and as which FHIR resources.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """The mapping: what may be written, and as which FHIR resources."""


app.command()(new)
app.command()(check)
app.command()(render)
app.command()(watch)
app.command()(diff)
app.command("test")(run_cases)
