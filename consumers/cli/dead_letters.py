"""``medie-fhir dead-letters``: look at the records that were refused, send them again, set them aside."""

from __future__ import annotations

import json
import logging
from typing import Annotated, Final

import typer

from consumers.broker import Broker
from consumers.cli.dead_letters_options import filtered, letter_id
from consumers.cli.dead_letters_settle import Order, run_order
from consumers.cli.dead_letters_views import as_json, counts, show_facts, show_payload, show_table
from consumers.cli.options import Config, err, out, run_async, settings_of
from consumers.dead_letters import LetterId, Letters, Selection
from consumers.kafka_broker import KafkaBroker
from medie_fhir.settings import Settings

__all__ = ["app"]

app = typer.Typer(help="The records that were refused: look at them, send them again.", no_args_is_help=True)

_PATIENCE_S: Final = 10.0  # for a broker that doesn't answer: someone is waiting

Everything = Annotated[bool, typer.Option("--all", help="Every letter that is open, where no other option names any.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show which letters are meant.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask, however many they are.")]


@app.command("list")
@filtered
def list_letters(
    *,
    settings: Settings,
    meant: Selection,
    with_settled: Annotated[bool, typer.Option("--settled", help="Also those sent again or discarded.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a letter.")] = False,
) -> None:
    """Show the letters that are open, without a word of what is in them."""
    letters = _read(settings, open_broker(settings), meant)
    found = letters.selected(meant)
    shown = [letter for letter in found if with_settled or letter.id not in letters.settled]
    if json_lines:
        for letter in shown:
            typer.echo(json.dumps(as_json(letter, letters.settled.get(letter.id))))
        return
    show_table(shown, letters.settled, with_state=with_settled)
    out.print(counts(found, letters.settled), highlight=False)
    if not found and (others := letters.selected(Selection())):
        err.print(f"none fits what is given; of those read, {counts(others, letters.settled)}", highlight=False)


@app.command()
def show(
    letter: Annotated[str, typer.Argument(help="The letter's id, as `list` shows it.")],
    payload: Annotated[
        bool, typer.Option("--payload", help="Print the record's value, a patient's data; the facts go to stderr.")
    ] = False,
    config: Config = None,
) -> None:
    """Show one letter: its facts and headers; key, value and the sender's headers only with --payload."""
    settings = settings_of(config)
    id_ = letter_id(letter)
    broker, topic = open_broker(settings), settings.kafka.dead_letters
    letters, found = Letters(), None
    for message in broker.read(topic):
        letters.add(message)
        if LetterId(message.partition, message.offset) == id_:
            found = message
    if found is None or id_ not in letters.all:
        raise typer.BadParameter(f"no letter {id_} on {topic}: see medie-fhir dead-letters list", param_hint="LETTER")
    show_facts(letters.all[id_], found, letters.settled.get(id_), revealed=payload)
    if payload:
        show_payload(found.value)


@app.command()
@filtered
def redrive(
    *,
    settings: Settings,
    meant: Selection,
    everything: Everything = False,
    inline: Annotated[
        bool, typer.Option("--inline", help="Do the work here and now, once, and say why it fails where it does.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Refuse a record that was sent again so many times already.")
    ] = 3,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Send records again to the topic that they came from; those that were sent already are passed over."""
    order = Order("inline" if inline else "redrive", meant, limit=limit, dry_run=dry_run, yes=yes)
    _carry_out(settings, order, everything=everything)


@app.command()
@filtered
def discard(
    *,
    settings: Settings,
    meant: Selection,
    everything: Everything = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Set letters aside: they are listed no more, and stay on the topic until its retention takes them."""
    _carry_out(settings, Order("discard", meant, dry_run=dry_run, yes=yes), everything=everything)


def open_broker(settings: Settings) -> Broker:
    """The cluster that the settings name."""
    broker = KafkaBroker.of(settings.kafka, bootstrap_timeout_s=_PATIENCE_S)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # the command's own line says what went wrong
    return broker


def _read(settings: Settings, broker: Broker, meant: Selection) -> Letters:
    """All that is on the topic, or was written since then: a letter's marker comes after it."""
    since_ms = None if meant.ids else meant.since_ms  # so that one that is named and older is not said to be missing
    return Letters(broker.read(settings.kafka.dead_letters, since_ms=since_ms))


def _carry_out(settings: Settings, order: Order, *, everything: bool) -> None:
    if not everything and order.meant == Selection():
        raise typer.BadParameter("name letters by id or by a filter, or all that are open with --all")
    if everything and order.meant != Selection():
        raise typer.BadParameter("--all stands alone")
    broker = open_broker(settings)
    letters = _read(settings, broker, order.meant)
    if not run_async(run_order(settings, broker, letters, order)):
        err.print("not all was done: see the lines above", highlight=False)
        raise typer.Exit(1)
