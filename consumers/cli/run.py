"""``medie-fhir run``: the consumers, until they are stopped by SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack
from typing import Annotated

import typer

from consumers.adopting import adopting
from consumers.broker import Broker
from consumers.cli.options import Config, err, run_async, settings_of
from consumers.health import HealthServer, Pace
from consumers.kafka_broker import KafkaBroker
from consumers.loop import Loop
from consumers.outcomes import NoteOutcome, Report, Verdict, policy_of
from consumers.programs import bundle_topic, extract_loop, publish_loop, run_together
from consumers.reloading import reloading
from consumers.shadowing import shadowing
from medie_fhir.adapters.otel import open_tracing
from medie_fhir.configuration import Configuration
from medie_fhir.drift import Drift
from medie_fhir.fhir_servers import check_settings
from medie_fhir.metrics import Metrics
from medie_fhir.routes import route_configurations
from medie_fhir.settings import Settings
from medie_fhir.telemetry import Telemetry, Together
from medie_fhir.wiring import WatchedPipeline, open_pipeline

__all__ = ["app"]

app = typer.Typer(help="Run the consumers; one process runs both unless told otherwise.", invoke_without_command=True)
log = logging.getLogger("medie_fhir.run")

Half = Callable[[Settings, Broker, WatchedPipeline, Report, Telemetry | None], AbstractContextManager[Loop]]
UntilEnd = Annotated[
    bool, typer.Option("--until-end", help="End when all that is on the topics is finished, as a batch job would.")
]

_HALVES: dict[str, Half] = {"extract": extract_loop, "publish": publish_loop}
_NEXT = {
    ("extract", Verdict.SKIPPED): "; nothing to do, where the note is meant to be so: docs/events.md",
    **{(stage, Verdict.DEAD_LETTER): "; what to do: docs/errors.md, medie-fhir dead-letters" for stage in _HALVES},
    ("extract", Verdict.REFUSED): "; what to do: docs/errors.md",
}


@app.callback(invoke_without_command=True)
def both(context: typer.Context, until_end: UntilEnd = False, config: Config = None) -> None:
    """Run both consumers in one process."""
    if context.invoked_subcommand is None:
        run_async(_run(settings_of(config), ("extract", "publish"), until_end=until_end))


@app.command()
def extract(until_end: UntilEnd = False, config: Config = None) -> None:
    """Run the first consumer: note events → extraction records."""
    run_async(_run(settings_of(config), ("extract",), until_end=until_end))


@app.command()
def publish(until_end: UntilEnd = False, config: Config = None) -> None:
    """Run the second consumer: extraction records → FHIR resources."""
    run_async(_run(settings_of(config), ("publish",), until_end=until_end))


async def _run(settings: Settings, halves: tuple[str, ...], *, until_end: bool) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    Configuration(settings)  # what is wrong here is told at once, and not after the broker has been waited for
    route_configurations(settings)
    check_settings(settings)
    broker, metrics = KafkaBroker.of(settings.kafka), Metrics()
    for warning in await asyncio.to_thread(broker.examine, settings.kafka, halves):
        log.warning("kafka: %s", warning)
    async with AsyncExitStack() as stack:
        spans = stack.enter_context(open_tracing(settings.tracing))
        telemetry = Together(metrics, spans) if spans else metrics
        producer = broker.producer()  # connects with its first record, if there is one
        stack.callback(producer.close)
        writes, topic = "publish" in halves, bundle_topic(settings, producer)
        pipeline = await stack.enter_async_context(
            open_pipeline(
                settings, with_model="extract" in halves, with_target=writes, telemetry=telemetry, topic=topic
            )
        )
        if pipeline.terminology is not None:
            metrics.terminology(pipeline.terminology.answers)
        drift = Drift(metrics.registry, pipeline.fields_by_task)
        if "extract" in halves:
            await stack.enter_async_context(adopting(settings, pipeline))
            await stack.enter_async_context(shadowing(settings, pipeline, drift))
        report = _report(metrics, drift)
        loops = [stack.enter_context(_HALVES[half](settings, broker, pipeline, report, telemetry)) for half in halves]
        paced = pipeline.pace if writes else None

        def pace() -> Pace | None:
            return Pace.of(paced, settings.fhir.concurrency) if paced else None

        edits = await stack.enter_async_context(reloading(settings, pipeline, metrics))
        health = stack.enter_context(
            HealthServer(settings.health, loops, metrics, pace=pace, mapping=lambda: edits.in_use, until_end=until_end)
        )

        def stop_all() -> None:
            health.stopping()
            for loop in loops:
                loop.stop()

        for wanted in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(wanted, stop_all)
        where = f"; {health.url}/livez /readyz /metrics /status" if health.url else ""
        err.print(f"running: {', '.join(halves)}{where}", highlight=False, soft_wrap=True)
        gc.collect()
        gc.freeze()  # what is made until now stays: looking through it again and again would hold up both loops
        await run_together(loops, stop_all, until_end=until_end)
    err.print("stopped; all that was finished is committed", highlight=False)


def _report(metrics: Metrics, drift: Drift) -> Report:
    """Each note's outcome and each failed attempt, as a line of the log and in the metrics."""

    def on_note(outcome: NoteOutcome) -> None:
        metrics.outcome(outcome.stage, outcome.verdict, outcome.detail)
        if outcome.verdict is Verdict.DEAD_LETTER:
            metrics.dead_letter(outcome.stage, outcome.detail or "")
        if outcome.stage == "publish":
            metrics.resources(written=outcome.written, retracted=outcome.retracted, kept=outcome.kept)
        for seen in outcome.seen:
            drift.read(seen)
        _log_outcome(outcome)

    def on_error(stage: str, error: BaseException) -> None:
        metrics.error(stage, type(error).__name__, policy_of(error))

    return Report(on_note, on_error)


def _log_outcome(outcome: NoteOutcome) -> None:
    level = logging.WARNING if outcome.verdict in (Verdict.REFUSED, Verdict.DEAD_LETTER) else logging.INFO
    log.log(
        level,
        "%s %s %s%s%s %s[%d]@%d %.2f s, waiting included%s",
        outcome.stage,
        outcome.verdict,
        outcome.shown,
        f" ({outcome.detail})" if outcome.detail else "",
        f" kept {outcome.kept}" if outcome.kept else "",
        outcome.topic,
        outcome.partition,
        outcome.offset,
        outcome.seconds,
        _NEXT.get((outcome.stage, outcome.verdict), ""),
    )
