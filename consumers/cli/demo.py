"""``medie-fhir demo``: the whole way of the sample notes, on this machine, with nothing else installed.

Real are the consumers, the loop, the model and every station; the broker and the FHIR server are the in-memory twins,
and the FHIR server is spoken to over HTTP.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from consumers.cli.demo_views import facts_of, held_of, show_note, show_summary
from consumers.cli.options import err, hushed, out, run_async
from consumers.cli.samples import sample_events, seed, send
from consumers.cli.store import at_server
from consumers.kept_records import keep
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import NoteOutcome, Report, Verdict
from consumers.programs import extract_loop, publish_loop, run_together
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.errors import DocumentError, EventError
from medie_fhir.model import Json
from medie_fhir.settings import Settings, load_settings
from medie_fhir.wiring import WatchedPipeline, open_pipeline

__all__ = ["demo"]

_SHOWN = "DocumentReference/note-01"
_SAYS = {
    "empty": "no facts to write",
    "stale": "a newer version is already known",
    "retracted": "nothing of it holds any more",
}
_INPUT_ERRORS = frozenset(
    kind.__name__ for base in (EventError, DocumentError) for kind in (base, *base.__subclasses__())
)


def demo(
    store: Annotated[
        Path | None,
        typer.Option(help="The FHIR store, one SQLite file, kept between runs [default: build/demo/fhir.sqlite]."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Stream nothing: serve the store of an earlier run, until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The FHIR server's port; 0: any that is free.")] = 0,
) -> None:
    """Stream the sample notes through everything, on embedded defaults, and show what was written."""
    path = store or Path("build/demo/fhir.sqlite")
    if serve and not path.exists():
        raise typer.BadParameter(f"--store {path}: there is none to serve: run medie-fhir demo --store {path} first")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        FhirTwin(path).close()
    except (OSError, sqlite3.Error) as error:
        raise typer.BadParameter(f"--store {path}: no FHIR store can be kept there: {error}") from None
    with hushed("consumers"):  # each note's line says the same
        if serve:
            run_async(_serve(path, port))
            return
        tally = run_async(_demo(path, port))
    if as_json:
        typer.echo(json.dumps(tally.as_json()))


@dataclass
class Tally:
    """What became of the sample stream. An event is one document of one Kafka record; each has one final verdict.

    ``refused`` are those dead letters whose input was no good (event or content), as against a failure later on.
    """

    records: int
    began: float = field(default_factory=time.monotonic)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    refused: int = 0
    resources: int = 0
    new_versions: int = 0
    seconds: float = 0.0

    def note(self, outcome: NoteOutcome, twin: FhirTwin) -> None:
        """Count a verdict that is final, and print its line."""
        dead = outcome.verdict in (Verdict.DEAD_LETTER, Verdict.REFUSED)
        if outcome.stage == "extract" and not dead and outcome.verdict is not Verdict.SKIPPED:
            return  # its last word comes from the other consumer
        self.verdicts[Verdict.DEAD_LETTER if dead else outcome.verdict] += 1
        self.refused += dead and outcome.detail in _INPUT_ERRORS
        count = sum(self.verdicts.values())
        said = _SAYS.get(outcome.detail or "", outcome.detail or "")
        if outcome.detail == "written":
            count_of = len(facts_of(twin, outcome.document or ""))
            said = f"{count_of} resource{'' if count_of == 1 else 's'}"
        name = outcome.document or "(no document)"
        out.print(f"{count:3}  {outcome.verdict:<11}  {name:<26}  {said}", highlight=False)

    def as_json(self) -> Json:
        """The last line of ``demo --json``."""
        return {
            "events": sum(self.verdicts.values()),
            "accepted": self.verdicts[Verdict.ACCEPTED],
            "skipped": self.verdicts[Verdict.SKIPPED],
            "refused": self.refused,
            "dead_letters": self.verdicts[Verdict.DEAD_LETTER],
            "retracted": self.verdicts[Verdict.RETRACTED],
            "resources": self.resources,
            "new_versions": self.new_versions,
            "seconds": round(self.seconds, 1),
        }


async def _serve(store: Path, port: int) -> None:
    with closing(FhirTwin(store)) as twin, _server(twin, port) as server:
        out.print(f"FHIR server (twin) of {store}, until Ctrl-C. Look at:", highlight=False, soft_wrap=True)
        for search in ("Condition", "Observation?patient=demo-p01", "Provenance", "metadata"):
            out.print(f"  {server.base_url}/{search}", highlight=False, soft_wrap=True)
        await asyncio.Event().wait()


def _server(twin: FhirTwin, port: int) -> FhirTwinServer:
    try:
        return FhirTwinServer(twin, port)
    except OSError as error:
        raise typer.BadParameter(f"--port {port}: can't be listened on: {error.strerror}") from None


async def _demo(store: Path, port: int) -> Tally:
    events = sample_events()
    tally = Tally(records=len(events))
    async with AsyncExitStack() as stack:
        twin = stack.enter_context(closing(FhirTwin(store)))
        server = stack.enter_context(_server(twin, port))
        settings = _settings(server.base_url)
        err.print(f"FHIR server  {server.base_url} (twin, kept in {store})", highlight=False, soft_wrap=True)
        await seed(twin)
        before = twin.count_versions()
        err.print("model        starting the embedded model …", highlight=False)
        pipeline = await stack.enter_async_context(open_pipeline(settings))
        broker = await _broker(settings, events)
        err.print(f"broker       in memory, {len(events)} records on {settings.kafka.events}\n", highlight=False)
        try:
            await _stream(settings, broker, pipeline, Report(lambda outcome: tally.note(outcome, twin)))
        finally:
            keep(store, [m.value for m in broker.records(settings.kafka.extractions) if m.value is not None])
        tally.new_versions = twin.count_versions() - before
        held = held_of(twin)
        tally.resources = sum(held.values())
        tally.seconds = time.monotonic() - tally.began
        show_note(twin, _SHOWN)
        show_summary(tally.as_json(), held, records=tally.records)
        _say_where_to_look(store)
    return tally


def _settings(base_url: str) -> Settings:
    """The defaults, with the embedded model, and the FHIR server of this process."""
    defaults = load_settings()
    model = defaults.model.model_copy(update={"base_url": None})
    loop = defaults.loop.model_copy(update={"drain_seconds": 2.0})  # whoever presses Ctrl-C is not to wait
    return at_server(defaults, base_url).model_copy(update={"model": model, "loop": loop})


async def _broker(settings: Settings, events: Iterable[Json]) -> MemoryBroker:
    """A broker with our topics, and the sample events on the first of them."""
    broker, kafka = MemoryBroker(), settings.kafka
    broker.create_topics({kafka.events: 4, kafka.extractions: 4, kafka.dead_letters: 1})
    await send(broker.producer(), kafka.events, events)
    return broker


async def _stream(settings: Settings, broker: MemoryBroker, pipeline: WatchedPipeline, report: Report) -> None:
    """Both consumers side by side, until every event has its last word."""
    with (
        extract_loop(settings, broker, pipeline, report) as extracting,
        publish_loop(settings, broker, pipeline, report) as publishing,
    ):

        def stop_all() -> None:
            extracting.stop()
            publishing.stop()

        await run_together([extracting, publishing], stop_all, until_end=True)


def _say_where_to_look(store: Path) -> None:
    me = os.path.relpath(sys.argv[0]) if sys.argv[0].endswith("medie-fhir") else "medie-fhir"
    for what, where in (
        ("the FHIR server", f"{me} demo --serve --store {store}"),
        ("the notes", "examples/notes/text"),
        ("the mapping", "mappings/default.yaml"),
        ("an edit of it", f"{me} mapping diff default mcode --on {store}"),
        ("one note's facts", f"{me} extract examples/notes/text/01-lung-consult.txt"),
    ):
        out.print(f"{what + ':':<18}{where}", highlight=False, soft_wrap=True)
