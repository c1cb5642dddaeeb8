"""Which letters an operator means: the filters of ``medie-fhir dead-letters``, as options and as a selection."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, Final

import typer

from consumers.cli.options import Config, settings_of
from consumers.dead_letters import LetterId, Selection, document_hash
from medie_fhir.settings import Settings

__all__ = ["filtered", "instant_ms", "letter_id", "selection"]

_AGO: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TIMES: Final = "90s, 30m, 2h or 7d ago, or an instant as in 2026-11-20T08:00 (UTC, where it names no zone)"


def selection(
    settings: Settings,
    *,
    ids: Annotated[list[str] | None, typer.Argument(help="Letters by id: partition:offset, as `list` shows it.")],
    error: Annotated[list[str] | None, typer.Option("--class", help="The error's class, as NotJson; may come again.")],
    stage: Annotated[str | None, typer.Option(help="Where it failed: extract or publish.")],
    topic: Annotated[str | None, typer.Option(help="The topic that the record came from.")],
    since: Annotated[str | None, typer.Option(help=f"Letters written since then: {_TIMES}.")],
    until: Annotated[str | None, typer.Option(help="Letters written before then.")],
    document: Annotated[str | None, typer.Option(help="A document's hash, as `list` shows it.")],
    reference: Annotated[str | None, typer.Option(help="A document by its reference: DocumentReference/123.")],
    source: Annotated[str | None, typer.Option(help="The reference's source; none: notes.source of the settings.")],
) -> Selection:
    """Which letters the options mean together. Raises typer.BadParameter."""
    now = datetime.now(UTC)
    if document is not None and not re.fullmatch(r"[0-9a-f]{16}", document):
        raise typer.BadParameter("a document's hash is 16 hex digits", param_hint="--document")
    if stage not in {None, "extract", "publish"}:
        raise typer.BadParameter("a stage is extract or publish", param_hint="--stage")
    if reference is not None:
        if document is not None:
            raise typer.BadParameter("give --document or --reference, not both", param_hint="--reference")
        document = document_hash(f"{source or settings.notes.source or ''}|{reference}")
    return Selection(
        ids=frozenset(map(letter_id, ids or ())),
        errors=frozenset(error or ()),
        stage=stage,
        topic=topic,
        document=document,
        since_ms=None if since is None else instant_ms(since, "--since", now),
        until_ms=None if until is None else instant_ms(until, "--until", now),
    )


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of :func:`selection`, and ``--config``: it gets ``settings`` and what is ``meant``."""
    filters = [p for p in signature(selection, eval_str=True).parameters.values() if p.name != "settings"]
    own = [p for p in signature(command, eval_str=True).parameters.values() if p.name not in {"settings", "meant"}]
    config = Parameter("config", Parameter.KEYWORD_ONLY, annotation=Config)
    parameters = [*(p.replace(default=None) for p in (*filters, config)), *own]

    def with_filters(**given: Any) -> None:
        settings = settings_of(given.pop("config"))
        meant = selection(settings, **{p.name: given.pop(p.name) for p in filters})
        command(settings=settings, meant=meant, **given)

    with_filters.__doc__ = command.__doc__
    with_filters.__name__ = command.__name__
    with_filters.__annotations__ = {p.name: p.annotation for p in parameters}
    with_filters.__signature__ = Signature(parameters)  # type: ignore[attr-defined] # what typer reads
    return with_filters


def letter_id(text: str) -> LetterId:
    """A letter's id. Raises typer.BadParameter."""
    try:
        return LetterId.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="ID") from None


def instant_ms(text: str, option: str, now: datetime) -> int:
    """A time as people write it, in ms from the epoch. Raises typer.BadParameter."""
    try:
        if ago := _AGO.fullmatch(text):
            moment = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"no time: write {_TIMES}", param_hint=option) from None
