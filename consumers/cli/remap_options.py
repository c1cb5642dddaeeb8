"""The options of ``medie-fhir remap``, and the documents that they mean."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from consumers.remap import Selection

__all__ = [
    "AsJson",
    "Documents",
    "Fields",
    "MadeBy",
    "Mapping",
    "On",
    "Patience",
    "Patients",
    "Rate",
    "Restart",
    "Since",
    "SkipBroken",
    "State",
    "Until",
    "Write",
    "selection",
]

On = Annotated[
    str,
    typer.Option(
        metavar="STORE|TOPIC|FILE",
        help="Where the records are: topic, topic:NAME, an NDJSON file or a folder of them; or the store of"
        " `medie-fhir demo`, which is then what is asked and written.",
    ),
]
Write = Annotated[
    bool, typer.Option("--write", help="Write. Without it nothing is sent, and the report is of what would be.")
]
Mapping = Annotated[str | None, typer.Option(help="A mapping's name or file instead of the settings'.")]
Patients = Annotated[list[str] | None, typer.Option(help="Only of Patient/ID or SYSTEM|VALUE; may be repeated.")]
Documents = Annotated[
    list[str] | None, typer.Option(help="Only DocumentReference/ID or SYSTEM|VALUE; may be repeated.")
]
Fields = Annotated[list[str] | None, typer.Option(help="Only documents with a fact of this field.")]
Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only notes of this day, or later.")]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only notes of this day, or earlier.")]
MadeBy = Annotated[str | None, typer.Option(help="Only what this mapping wrote: NAME, NAME@VERSION or its label.")]
Rate = Annotated[float | None, typer.Option(min=0.001, help="So many documents a second at most.")]
Patience = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="So long a server that gives no answer is waited for; 5, and with --write without end.",
    ),
]
State = Annotated[Path | None, typer.Option(help="A file that keeps how far it is, to go on after a stop or a kill.")]
Restart = Annotated[bool, typer.Option("--restart", help="Begin anew, whatever the state file says.")]
SkipBroken = Annotated[bool, typer.Option("--skip-broken", help="Pass over what is no record, and count it.")]
AsJson = Annotated[bool, typer.Option("--json", help="The report as JSON.")]


def selection(
    *,
    patients: list[str] | None,
    documents: list[str] | None,
    fields: list[str] | None,
    since: datetime | None,
    until: datetime | None,
    made_by: str | None,
) -> Selection:
    """Which documents the options mean together. Raises typer.BadParameter."""
    if since and until and until < since:
        raise typer.BadParameter("is before --since: no day is in both", param_hint="--until")
    return Selection(
        patients=_named(patients, "--patient", "Patient"),
        documents=_named(documents, "--document", "DocumentReference"),
        fields=frozenset(fields or ()),
        since=since and since.date(),
        until=until and until.date(),
        made_by=made_by,
    )


def _named(given: list[str] | None, option: str, kind: str) -> frozenset[str]:
    """References and identifiers; an id alone would let nothing through, and look as if nothing were there."""
    for name in given or ():
        if "/" not in name and "|" not in name:
            raise typer.BadParameter(
                f"{name}: write {kind}/{name}, or SYSTEM|VALUE of an identifier", param_hint=option
            )
    return frozenset(given or ())
