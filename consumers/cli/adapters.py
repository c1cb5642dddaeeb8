"""``medie-fhir adapters``: which adapters there are, whether they are what they should be, and which one is in use."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from consumers.cli.options import Config, err, out, settings_of
from medie_fhir.adapters.lora import (
    Adapter,
    Journal,
    Pinned,
    Step,
    digest_of,
    in_use,
    of_registry,
    verified,
)
from medie_fhir.configuration import read_task
from medie_fhir.errors import DependencyMissing, SettingsError
from medie_fhir.model_servers import check_learned, registry_of

__all__ = ["app"]

app = typer.Typer(help="The registry of LoRA adapters, and which of them is in use.", no_args_is_help=True)

Why = Annotated[str, typer.Option("--why", help="For the journal: the reason, and where the measurement lies.")]
Who = Annotated[str | None, typer.Option("--who", help="For the journal: who decides; by default this user.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, one object a line.")]


@app.command("list")
def list_adapters(as_json: AsJson = False, config: Config = None) -> None:
    """Show all adapters of the registry, which one is in use, and since when. No file of theirs is read."""
    registry = registry_of(settings_of(config))
    steps = Journal(registry.journal).steps()
    used = Journal(registry.journal).in_use()
    table = Table("adapter", "in use", "base", "learned", "from", "sha256")
    for adapter in registry.adapters.values():
        here = used == _pin(adapter)
        since = steps[-1].at if here else ""
        if as_json:
            typer.echo(json.dumps({**adapter.model_dump(by_alias=True), "in_use": here}))
        table.add_row(adapter.name, since, adapter.base, adapter.learned, adapter.origin, adapter.sha256[:16])
    if as_json:
        return
    out.print(table)
    if used is None:
        out.print("none is promoted: the adapter that model.name says is asked", highlight=False)
    in_use(registry)  # raises where the registry lacks it now


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Which ones; by default all.")] = None,
    config: Config = None,
) -> None:
    """Read every byte of adapters, fetched where they lie elsewhere, and compare their SHA-256 with the registry's."""
    registry = registry_of(settings_of(config))
    wrong = False
    for adapter in [registry.adapter(name) for name in names or registry.adapters]:
        try:
            out.print(f"{adapter.name}: whole, at {verified(adapter, registry)}", highlight=False, soft_wrap=True)
        except DependencyMissing as error:
            wrong = True
            err.print(str(error), highlight=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


@app.command()
def digest(path: Annotated[Path, typer.Argument(help="A GGUF file, or a folder as PEFT writes it.")]) -> None:
    """Print what an adapter's `sha256` in the registry must be."""
    try:
        typer.echo(digest_of(path))
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror}") from None


@app.command()
def promote(name: str, why: Why, who: Who = None, config: Config = None) -> None:
    """Put an adapter into use, once all its bytes are compared. Running consumers of a model server take it up."""
    settings = settings_of(config)
    registry = registry_of(settings)
    adapter = registry.adapter(name)
    check_learned(settings, read_task(settings), adapter)
    verified(adapter, registry)
    _tell(Journal(registry.journal).promote(_pin(adapter), who=who or _user(), why=why, at=_now()))


@app.command()
def rollback(why: Why, who: Who = None, config: Config = None) -> None:
    """Go back to what was in use before the last promotion that stands."""
    registry = registry_of(settings_of(config))

    def is_there(pinned: Pinned) -> None:
        verified(of_registry(registry, pinned), registry)

    _tell(Journal(registry.journal).rollback(who=who or _user(), why=why, at=_now(), is_there=is_there))


@app.command()
def journal(as_json: AsJson = False, config: Config = None) -> None:
    """Show who put which adapter into use, when and why."""
    table = Table("at", "who", "act", "from", "to", "why")
    for step in Journal(registry_of(settings_of(config)).journal).steps():
        if as_json:
            typer.echo(step.model_dump_json(by_alias=True))
        table.add_row(step.at, step.who, step.act, _shown(step.before), _shown(step.after), step.why)
    if not as_json:
        out.print(table)


def _pin(adapter: Adapter) -> Pinned:
    return Pinned(name=adapter.name, sha256=adapter.sha256)


def _shown(pinned: Pinned | None) -> str:
    return f"{pinned.name}@{pinned.sha256[:12]}" if pinned else "model.name"


def _tell(step: Step) -> None:
    out.print(f"{step.act}: {_shown(step.before)} → {_shown(step.after)}", highlight=False, soft_wrap=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        raise SettingsError("--who: this user has no name: say who decides") from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
