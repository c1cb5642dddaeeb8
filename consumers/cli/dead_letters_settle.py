"""What ``redrive`` and ``discard`` have in common: which letters, asked first, done in order, told one by one."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final, Literal

import typer

from consumers.broker import Broker
from consumers.cli.dead_letters_views import show_table
from consumers.cli.options import err, out, progress
from consumers.dead_letters import Letter, LetterId, Letters, Result, Selection, Settler, Work, read_again, refusal
from consumers.inline import STAGES, open_inline, where
from medie_fhir.errors import MedieError
from medie_fhir.settings import Settings

__all__ = ["Order", "run_order", "tell"]

_ASK_ABOVE: Final = 10  # letters
_DONE: Final = {"redrive": "sent again", "inline": "done", "discard": "discarded"}


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with which letters."""

    what: Literal["redrive", "inline", "discard"]
    meant: Selection
    limit: int = sys.maxsize
    dry_run: bool = False
    yes: bool = False

    def refusal(self, letter: Letter, settings: Settings) -> str | None:
        """Why it must not be done with a letter, or None."""
        if self.what == "discard":
            return None
        limit = sys.maxsize if self.what == "inline" else self.limit  # done here, nothing can go round in circles
        if why := refusal(letter, {settings.kafka.events, settings.kafka.extractions}, limit):
            return why
        if self.what == "inline" and letter.facts and letter.facts.stage not in STAGES:
            return f"failed at {letter.facts.stage}, which is no stage of this release"
        return None


async def run_order(settings: Settings, broker: Broker, letters: Letters, order: Order) -> bool:
    """Carry out an order; whether all of it could be done. What was settled before is passed over."""
    found = letters.selected(order.meant)
    todo = [letter for letter in found if letter.id not in letters.settled]
    refused = {letter.id: why for letter in todo if (why := order.refusal(letter, settings))}
    wanted = [letter for letter in todo if letter.id not in refused]
    missing = order.meant.ids - letters.all.keys()
    if order.dry_run:
        show_table(wanted, {}, with_state=False)
    for id_, why in _told(refused, missing):
        err.print(f"{id_}: {why}", highlight=False, soft_wrap=True)
    counted = Counter({"settled before": len(found) - len(todo), "refused": len(refused), "not there": len(missing)})
    if order.dry_run:
        counted[f"to be {_DONE[order.what]}"] = len(wanted)
    elif wanted:
        _confirm(order, len(wanted))
        counted.update(await _settle(settings, broker, wanted, order))
    out.print(", ".join(f"{what}: {count}" for what, count in counted.items() if count) or "none", highlight=False)
    return not any(counted[what] for what in ("refused", "not there", "failed", "held back"))


def _told(refused: dict[LetterId, str], missing: frozenset[LetterId]) -> Iterator[tuple[LetterId, str]]:
    yield from refused.items()
    yield from ((id_, "no such letter: see medie-fhir dead-letters list") for id_ in sorted(missing))


def _confirm(order: Order, count: int) -> None:
    """Ask before many; where there is nobody to ask, many need --yes."""
    if order.yes or count <= _ASK_ABOVE:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{count} letters, and nobody to ask: look with --dry-run, and say --yes")
    typer.confirm(f"{count} letters to be {_DONE[order.what]}. Go on?", abort=True, err=True)


async def _settle(settings: Settings, broker: Broker, wanted: list[Letter], order: Order) -> Counter[str]:
    by_id = {letter.id: letter for letter in wanted}
    topic = settings.kafka.dead_letters
    counted: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        producer = broker.producer()
        stack.callback(producer.close)
        settler = Settler(broker, producer, topic)
        act = settler.discard if order.what == "discard" else settler.redrive
        if order.what == "inline":
            with_model = any(letter.facts and letter.facts.stage == "extract" for letter in wanted)
            opened = open_inline(settings, producer, settler, with_model=with_model)
            act = (await stack.enter_async_context(opened)).handle
        bar = stack.enter_context(progress())
        task = bar.add_task(order.what, total=len(wanted))

        def told(result: Result) -> None:
            bar.advance(task)
            counted[tell(result, order)] += 1

        work = Work(act, told, at_once=1 if order.what == "inline" else 32)
        async for batch in read_again(broker, topic, by_id):
            await work.through((by_id[LetterId(m.partition, m.offset)], m) for m in batch)
    counted["not there"] += len(wanted) - counted.total()
    return counted


def tell(result: Result, order: Order) -> str:
    """One letter's line, where there is something to say; returns the word that it is counted under."""
    letter, error = result.letter, result.error
    if result.held:
        err.print(f"{letter.id}: held back, an earlier letter of its key failed", highlight=False)
        return "held back"
    if error is None:
        if order.what == "inline":
            out.print(f"{letter.id}: done", highlight=False)
        return _DONE[order.what]
    text = f": {error}" if isinstance(error, MedieError) else ""  # of any other the text may hold a note's
    line = f"{letter.id}: {type(error).__name__} at {where(error)}{text}"
    err.print(line, highlight=False, soft_wrap=True)
    return "failed"
