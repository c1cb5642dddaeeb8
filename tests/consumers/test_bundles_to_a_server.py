"""Events → Bundles on a topic → a site's own writer → its server: in the end the same as written to it by us."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from consumers.broker import Headers, Producer
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import NoteOutcome, Report
from consumers.programs import bundle_topic, extract_loop, publish_loop, run_together
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.configuration import Configuration
from medie_fhir.errors import BrokerUnavailable
from medie_fhir.fhir_servers import open_target
from medie_fhir.model import Json
from medie_fhir.settings import Settings
from medie_fhir.transaction import is_in_error, transaction
from medie_fhir.wiring import WatchedPipeline, assemble_pipeline

TOPIC = "medie.bundles"
SAID = {"cancer_type": "lung adenocarcinoma", "stage": "IV", "gene_mutation": "EGFR L858R"}
LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV. EGFR L858R detected."


class Clock:
    """One instant: what is written hangs on nothing but the events."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


def example() -> ModuleType:
    """examples/post_bundles.py, which is a program and no package."""
    file = Path(__file__).parents[2] / "examples" / "post_bundles.py"
    spec = importlib.util.spec_from_file_location("post_bundles", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class AwayBroker(MemoryBroker):
    """A broker that can be away for what is written to the topic of Bundles."""

    away = False

    def producer(self) -> Producer:
        return AwayProducer(self, super().producer())

    def check_topics(self, topics: Any) -> None:
        if self.away and TOPIC in topics:
            raise BrokerUnavailable("away, says the test")
        super().check_topics(topics)


class AwayProducer:
    """The producer of such a broker."""

    def __init__(self, broker: AwayBroker, producer: Producer) -> None:
        self._broker, self._producer = broker, producer

    async def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        if self._broker.away and topic == TOPIC:
            raise BrokerUnavailable("away, says the test")
        await self._producer.send(topic, key=key, value=value, headers=headers)

    async def flush(self) -> None:
        await self._producer.flush()

    def close(self) -> None:
        self._producer.close()


class Site:
    """Both consumers on a broker with these events, writing to what the settings name."""

    def __init__(self, settings: Settings, broker: MemoryBroker, pipeline: WatchedPipeline, stack: ExitStack) -> None:
        self.outcomes: list[NoteOutcome] = []
        report = Report(self.outcomes.append)
        self.loops = [stack.enter_context(h(settings, broker, pipeline, report)) for h in (extract_loop, publish_loop)]

    async def run_to_the_end(self) -> None:
        async with asyncio.timeout(60):
            await run_together(self.loops, self.stop, until_end=True)

    def stop(self) -> None:
        for loop in self.loops:
            loop.stop()


Open = Callable[..., Any]


@pytest.fixture
def open_site(configuration: Configuration, model: Any, source: FhirTwin) -> Open:
    """A broker with events, and the consumers over it."""
    model.script = {"EGFR": SAID, "Lung": {k: v for k, v in SAID.items() if k != "gene_mutation"}}

    @asynccontextmanager
    async def opened(
        values: Json, events: list[bytes], *, target: FhirTwin | None = None, kind: type[MemoryBroker] = MemoryBroker
    ) -> AsyncIterator[tuple[Site, Any]]:
        settings, broker = Settings.model_validate(values), kind()
        kafka = settings.kafka
        broker.create_topics({kafka.events: 2, kafka.extractions: 2, kafka.dead_letters: 1, TOPIC: 2})
        for value in events:
            broker.append(kafka.events, b"d", value, (), None)
        producer = broker.producer()
        with ExitStack() as stack:
            stack.callback(producer.close)
            async with open_target(settings, bundle_topic(settings, producer)) as named:
                pipeline = assemble_pipeline(
                    settings, configuration, model=model, source=source, target=target or named
                )
                pipeline.clock = Clock()
                yield Site(settings, broker, pipeline, stack), broker

    return opened


@pytest.fixture
def source() -> FhirTwin:
    return FhirTwin()


async def with_patient() -> FhirTwin:
    twin = FhirTwin()
    await twin.transact(transaction([{"resourceType": "Patient", "id": "p1"}]))
    return twin


def holds(twin: FhirTwin) -> dict[str, Json]:
    """All that the server holds, without what it says of its own writing."""
    return {
        f"{r['resourceType']}/{r['id']}": {
            **r,
            "meta": {k: v for k, v in r["meta"].items() if k not in ("versionId", "lastUpdated", "source")},
        }
        for r in twin.current()
    }


async def posted(broker: MemoryBroker) -> FhirTwin:
    """A server to which the example has posted all that is on the topic, the last record twice as after a crash."""
    twin, post = await with_patient(), example().post
    records = [*broker.read(TOPIC)]
    with FhirTwinServer(twin) as server, httpx.Client(base_url=server.base_url) as client:
        client.headers["Content-Type"] = "application/fhir+json"
        for record in [*records, *records[-1:]]:
            await asyncio.to_thread(post, client, record)
    return twin


@pytest.mark.parametrize("shadowed", [False, True])
async def test_what_the_site_posts_is_what_we_would_have_written(
    shadowed: bool, open_site: Open, event: Callable[..., bytes], tmp_path: Path
) -> None:
    events = [event(LUNG, f"d{number}") for number in range(3)]
    if shadowed:  # what stands is remembered: a version that says less, and a deletion, take back
        events += [event(LUNG.replace(" EGFR L858R detected.", ""), "d0", "2")]
        events += [event(LUNG, "d1", "2", status="entered-in-error")]
    direct = await with_patient()
    async with open_site({}, events, target=direct) as (site, _):
        await site.run_to_the_end()
    values: Json = {"kafka": {"bundles": TOPIC}, "fhir": {"shadow": tmp_path / "s"} if shadowed else {}}
    async with open_site(values, events) as (site, broker):
        await site.run_to_the_end()
        twin = await posted(broker)

    assert holds(twin) == holds(direct)
    assert len(twin.current("Device")) == 1
    assert {is_in_error(o) for o in twin.current("Observation")} == ({False, True} if shadowed else {False})


class Heard(logging.Handler):
    """Hears when a stage has told that a dependency is away: from then on it waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.away = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "is away: paused" in record.getMessage():
            self.away.set()


@pytest.fixture
def heard() -> Iterator[Heard]:
    log, handler = logging.getLogger("consumers.dependencies"), Heard()
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


async def test_of_a_topic_the_broker_is_what_writing_depends_on(
    open_site: Open, event: Callable[..., bytes], heard: Heard
) -> None:
    values: Json = {"kafka": {"bundles": TOPIC}, "loop": {"outage_after_attempts": 1}}
    async with open_site(values, [event(LUNG)], kind=AwayBroker) as (site, broker):
        broker.away = True
        running = asyncio.create_task(site.run_to_the_end())
        extracting, publishing = site.loops
        async with asyncio.timeout(30):
            await heard.away.wait()
        assert [w.dependency for w in publishing.view().waiting] == ["kafka"]
        assert extracting.view().waiting == ()
        assert broker.records(TOPIC) == []
        broker.away = False
        await running
        assert len(broker.records(TOPIC)) == 1
        assert [o.verdict.value for o in site.outcomes if o.stage == "publish"] == ["accepted"]
