"""``medie-fhir mapping check``: every fault of a mapping at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consumers.cli.options import Config, err, out, settings_of
from medie_fhir.errors import InvalidMapping
from medie_fhir.wiring import Configuration

__all__ = ["check"]


def check(
    file: Annotated[Path | None, typer.Argument(help="A mapping file; none: the one of the settings.")] = None,
    config: Config = None,
) -> None:
    """Check a mapping: its shape, its expressions, and that samples of every field render to valid FHIR R4."""
    settings = settings_of(config)
    if file is not None:
        settings = settings.model_copy(update={"mapping": str(file)})
    try:
        mapping = Configuration(settings).mapping
    except InvalidMapping as error:
        for fault in error.faults:
            err.print(fault, highlight=False, soft_wrap=True)
        err.print(f"faults: {len(error.faults)}", highlight=False)
        raise typer.Exit(1) from None
    made = ", ".join(sorted({str(t.resource["resourceType"]) for t in mapping.file.templates}))
    out.print(f"{mapping.label}: {len(mapping.file.templates)} templates, makes {made}: ok", highlight=False)
