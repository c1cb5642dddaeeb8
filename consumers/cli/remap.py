"""``medie-fhir remap``: the current mapping, applied to what was extracted before; no model is asked."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import typer

from consumers.cli.options import Config, err, hushed, out, run_async, settings_of
from consumers.cli.remap_options import (
    AsJson,
    Documents,
    Fields,
    MadeBy,
    Mapping,
    On,
    Patience,
    Patients,
    Rate,
    Restart,
    Since,
    SkipBroken,
    State,
    Until,
    Write,
    selection,
)
from consumers.cli.remap_servers import Needed
from consumers.cli.remap_views import Ticker, table
from consumers.cli.store import at_store
from consumers.kafka_broker import KafkaBroker
from consumers.programs import bundle_topic, publish_dependencies, retry_options
from consumers.records import StoredRecord, stored_records
from consumers.remap import Outlasted, Progress, Remap, RemapOptions, StateFile, digest_of
from medie_fhir.configuration import Configuration
from medie_fhir.errors import SettingsError
from medie_fhir.fhir_servers import is_asked
from medie_fhir.routes import route_configurations
from medie_fhir.settings import Settings
from medie_fhir.wiring import open_pipeline

__all__ = ["remap"]

_SAVE_S = 2.0
_LOOK_S = 0.2
_DRY_PATIENCE_S = 5.0
_SHOWN = 3  # of what is no record
_STOPPED = 130  # as a shell says of what Ctrl-C has ended


def remap(  # noqa: PLR0917 - one parameter an option
    on: On = "topic",
    write: Write = False,
    mapping: Mapping = None,
    patient: Patients = None,
    document: Documents = None,
    field: Fields = None,
    since: Since = None,
    until: Until = None,
    made_by: MadeBy = None,
    rate: Rate = None,
    patience: Patience = None,
    state: State = None,
    restart: Restart = False,
    skip_broken: SkipBroken = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Apply the mapping to stored extraction records: what it adds, changes and retracts. Writes only with --write.

    Exit codes: 0 done, 1 a document failed, 2 wrong use, 3 a server is not reachable, 130 stopped.
    """
    meant = selection(patients=patient, documents=document, fields=field, since=since, until=until, made_by=made_by)
    settings = settings_of(config)
    settings = settings.model_copy(update={"mapping": mapping}) if mapping else settings
    patience_s = _DRY_PATIENCE_S if patience is None and not write else patience
    retry = retry_options(settings)
    options = RemapOptions(settings.fhir.concurrency, rate, patience_s, retry=retry, selection=meant)
    how = _How(write=write, state=state, restart=restart, as_json=as_json, broken=[] if skip_broken else None)
    raise typer.Exit(run_async(_remap(settings, on, options, how)))


@dataclass(frozen=True, slots=True)
class _How:
    """What is done with the remap. ``broken`` takes in what is no record; None: the first such ends it."""

    write: bool
    state: Path | None
    restart: bool
    as_json: bool
    broken: list[str] | None


async def _remap(settings: Settings, on: str, options: RemapOptions, how: _How) -> int:
    with at_store(settings, on) as of_store:
        if of_store is not None:
            err.print(f"FHIR server: the store {on} itself", highlight=False, soft_wrap=True)
        return await _remapped(of_store or settings, on, options, how)


async def _remapped(settings: Settings, on: str, options: RemapOptions, how: _How) -> int:
    _can_tell(settings)
    configuration = await asyncio.to_thread(Configuration, settings)
    label, reviewed = configuration.mapping.label, configuration.mapping.file.reviewed
    routes = await asyncio.to_thread(route_configurations, settings)
    fields = dict.fromkeys(name for each in (configuration, *routes) for name in each.task.fields)
    if unknown := options.selection.fields - fields.keys():
        raise SettingsError(f"--field {', '.join(sorted(unknown))}: the task has {', '.join(fields)}")
    theirs = [(route.mapping.label, route.tables.digest) for route in routes]
    what = digest_of(label, reviewed, configuration.tables.digest, on, options.selection.told, how.write, *theirs)
    file = StateFile(how.state, what) if how.state else None
    if file and how.restart:
        file.remove()
    progress = file.read() if file else Progress()
    async with AsyncExitStack() as stack:
        broker = KafkaBroker.of(settings.kafka)
        producer = broker.producer()  # connects with its first record, if there is one
        stack.callback(producer.close)
        topic = bundle_topic(settings, producer)
        pipeline = await stack.enter_async_context(
            open_pipeline(settings, with_model=False, dry=not how.write, topic=topic, configuration=configuration)
        )
        needed = Needed.of(settings, options.patience_s)
        dependencies = publish_dependencies(settings, broker, pipeline)
        if not how.write:  # nothing is put on a topic
            dependencies = tuple(one for one in dependencies if one.name != "kafka")
        work = Remap(pipeline, options, progress, dependencies=dependencies)
        if progress.position:
            err.print(f"going on after {progress.report.done:,} documents", highlight=False)
        broken = None if how.broken is None else how.broken.append
        stored = stored_records(on, settings, start=progress.position, broken=broken)
        began = time.monotonic()
        try:
            await _watched(work, stored, file, needed)
        except Outlasted as lasted:
            raise needed.unreachable(lasted) from None
    if file and not work.stopped:
        file.remove()
    return _told(work, label, how, time.monotonic() - began)


def _told(work: Remap, label: str, how: _How, seconds: float) -> int:
    """Tell what it came to; the exit code."""
    report, broken = work.progress.report, how.broken or []
    told = {"mapping": label, "written": how.write, "stopped": work.stopped, "seconds": round(seconds, 1)}
    if how.as_json:
        out.print_json(json.dumps(told | report.to_json() | {"broken": len(broken)}))
    else:
        table(report, label, write=how.write)
        if not report.done and work.seen:
            out.print(f"of the {work.seen:,} that are stored, none is what the filters let through", highlight=False)
    for place in broken[:_SHOWN]:
        err.print(place, highlight=False, soft_wrap=True)
    if broken:
        err.print(f"passed over, for they are no records: {len(broken):,}", highlight=False)
    if work.stopped:
        again = "run it again to go on from here" if how.state else "without --state it begins anew next time"
        err.print(f"stopped; {again}", highlight=False)
        return _STOPPED
    return 1 if report.failed else 0


async def _watched(work: Remap, stored: AsyncIterator[StoredRecord], file: StateFile | None, needed: Needed) -> None:
    """Run it, with its progress shown and kept, and stopped in good order by the first Ctrl-C or SIGTERM."""
    loop, saved = asyncio.get_running_loop(), time.monotonic()

    def stop() -> None:
        work.stop()
        for wanted in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(wanted)  # a second one ends it at once

    for wanted in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(wanted, stop)
    with hushed("consumers.dependencies"), Ticker(work, needed) as ticker:  # the ticker tells of outages

        def on_done() -> None:
            nonlocal saved
            ticker.done()
            if file and time.monotonic() - saved >= _SAVE_S:
                file.write(work.progress)
                saved = time.monotonic()

        async def look() -> None:
            while True:
                ticker.look()
                await asyncio.sleep(_LOOK_S)

        work.on_done = on_done
        looking = asyncio.create_task(look())
        try:
            await work.run(stored)
        finally:
            looking.cancel()
            for wanted in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(wanted)
            if file:
                file.write(work.progress)


def _can_tell(settings: Settings) -> None:
    """Raise SettingsError where nobody knows what stands at the target."""
    if not is_asked(settings) and settings.fhir.shadow is None:
        raise SettingsError(
            "fhir.bundles, kafka.bundles: files and topics can't be asked what stands there; set fhir.shadow, or send"
            " the records through `medie-fhir run publish` again"
        )
