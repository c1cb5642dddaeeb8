"""``medie-fhir run``: the consumers, until they are stopped by SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

import typer

from consumers.broker import Broker
from consumers.cli.options import Config, err, run_async, settings_of
from consumers.kafka_broker import KafkaBroker
from consumers.loop import Loop
from consumers.outcomes import NoteOutcome, Report, Verdict
from consumers.programs import extract_loop, publish_loop
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings
from medie_fhir.wiring import open_pipeline

__all__ = ["app"]

app = typer.Typer(help="Run the consumers; one process runs both unless told otherwise.", invoke_without_command=True)
log = logging.getLogger("medie_fhir.run")

Half = Callable[[Settings, Broker, Pipeline, Report], AbstractContextManager[Loop]]


@app.callback(invoke_without_command=True)
def both(context: typer.Context, config: Config = None) -> None:
    """Run both consumers in one process."""
    if context.invoked_subcommand is None:
        run_async(_run(settings_of(config), (extract_loop, publish_loop)))


@app.command()
def extract(config: Config = None) -> None:
    """Run the first consumer: note events → extraction records."""
    run_async(_run(settings_of(config), (extract_loop,)))


@app.command()
def publish(config: Config = None) -> None:
    """Run the second consumer: extraction records → FHIR resources."""
    run_async(_run(settings_of(config), (publish_loop,)))


async def _run(settings: Settings, halves: tuple[Half, ...]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    kafka = settings.kafka
    broker = KafkaBroker(kafka.bootstrap_servers, security=kafka.client)
    needed = [kafka.events, kafka.extractions] if extract_loop in halves else [kafka.extractions]
    await asyncio.to_thread(broker.check_topics, [*needed, kafka.dead_letters])
    async with open_pipeline(settings, with_model=extract_loop in halves) as pipeline:
        report = Report(_log_outcome)
        with ExitStack() as stack:
            loops = [stack.enter_context(half(settings, broker, pipeline, report)) for half in halves]
            stop_all = _stopper(loops)
            for wanted in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(wanted, stop_all)
            err.print(f"running: {', '.join(half.__name__.removesuffix('_loop') for half in halves)}", highlight=False)
            await _all_or_none(loops, stop_all)
    err.print("stopped; all that was finished is committed", highlight=False)


async def _all_or_none(loops: list[Loop], stop_all: Callable[[], None]) -> None:
    """Run the loops together: when one ends, by an error or a signal, the others stop in good order too."""

    async def one(loop: Loop) -> None:
        try:
            await loop.run()
        finally:
            stop_all()

    ended = await asyncio.gather(*(one(loop) for loop in loops), return_exceptions=True)
    for error in ended:
        if isinstance(error, BaseException):
            raise error


def _stopper(loops: list[Loop]) -> Callable[[], None]:
    def stop_all() -> None:
        for loop in loops:
            loop.stop()

    return stop_all


def _log_outcome(outcome: NoteOutcome) -> None:
    level = logging.WARNING if outcome.verdict in (Verdict.REFUSED, Verdict.DEAD_LETTER) else logging.INFO
    log.log(
        level,
        "%s %s %s%s %s[%d]@%d %.2f s",
        outcome.stage,
        outcome.verdict,
        outcome.shown,
        f" ({outcome.detail})" if outcome.detail else "",
        outcome.topic,
        outcome.partition,
        outcome.offset,
        outcome.seconds,
    )
