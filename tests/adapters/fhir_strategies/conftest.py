"""Resources as we write them, with all that a mark could come in the way of; and a note's story on a site."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_http import FhirHttp
from medie_fhir.adapters.fhir_strategies import NEEDED, adapted
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer, Profile
from medie_fhir.adapters.fhir_twin.resources import without_extensions
from medie_fhir.adapters.fhir_write import WritesSingly
from medie_fhir.configuration import Configuration
from medie_fhir.mapping import Mapping
from medie_fhir.model import Json, NoteEvent
from medie_fhir.pipeline import Pipeline, Published
from medie_fhir.ports import FhirServer
from medie_fhir.settings import FhirSettings, Settings
from medie_fhir.wiring import assemble_pipeline

IDS = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(4)]
KINDS = {"Device": IDS[0], "Condition": IDS[1], "Observation": f"{IDS[1]}-1", "Provenance": IDS[3]}
ours = st.sampled_from([f"{kind}/{id_}" for kind, id_ in KINDS.items()])
literal = ours | st.sampled_from(["Patient/1", "http://elsewhere.example/fhir/Condition/1", "#contained"])
reference = st.builds(
    lambda text, display, named: {
        "reference": text,
        **({"display": display} if display else {}),
        **({"identifier": {"system": "urn:other", "value": named}} if named else {}),
    },
    literal,
    st.sampled_from(["", "a name"]),
    st.sampled_from(["", "1"]),
)
identifiers = st.lists(st.sampled_from([{"system": "urn:a", "value": "1"}, {"value": "2"}]), max_size=2, unique_by=str)
tags = st.lists(st.sampled_from([{"system": "urn:t", "code": "1"}, {"code": "2"}]), max_size=2, unique_by=str)


def made(kind: str, about: Json, identified: list[Json], tagged: list[Json]) -> Json:
    resource: Json = {
        "resourceType": kind,
        "id": KINDS[kind],
        "extension": [{"url": "urn:e", "valueReference": about}],
        **({"meta": {"tag": tagged}} if tagged else {}),
    }
    if kind != "Provenance" and identified:
        resource["identifier"] = identified
    return resource


_resources = st.tuples(*(st.builds(made, st.just(kind), reference, identifiers, tags) for kind in KINDS))


@pytest.fixture(scope="session")
def kinds() -> dict[str, str]:
    """The types of the resources, and our ids of them."""
    return KINDS


@pytest.fixture(scope="session")
def resources() -> st.SearchStrategy[tuple[Json, ...]]:
    """One of each type, for ``data.draw``."""
    return _resources


Event = Callable[..., bytes]


LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected."


AMENDED = LUNG.replace(" EGFR L858R detected.", "")


SAID = {"cancer_type": "lung adenocarcinoma", "stage": "IV", "gene_mutation": "EGFR L858R", "metastasis_site": "brain"}


class Site:
    """A twin with a patient, the strategy for it, and a pipeline that writes by it."""

    def __init__(self, twin: FhirTwin, target: FhirServer, description: str, pipeline: Pipeline) -> None:
        self.twin, self.target, self.description, self.pipeline = twin, target, description, pipeline

    async def through(self, value: bytes) -> Published:
        (event,) = await self.pipeline.events(value)
        assert isinstance(event, NoteEvent)
        return await self.pipeline.publish(await self.pipeline.extract(event))


@pytest.fixture
def open_site(configuration: Configuration, model: Any) -> Callable[..., Any]:
    model.script = {"EGFR": SAID, "Lung": {k: v for k, v in SAID.items() if k != "gene_mutation"}}

    @asynccontextmanager
    async def opened(
        profile: Profile | None = None,
        identity: str = "auto",
        sending: str = "auto",
        *,
        http: bool = False,
        mapping: Callable[[Mapping], Mapping] = lambda mapping: mapping,
        server_of: Callable[[FhirTwin], WritesSingly] = lambda twin: twin,
        beside: Site | None = None,
        **fhir: Any,
    ) -> AsyncIterator[Site]:
        async with AsyncExitStack() as stack:
            twin = beside.twin if beside else stack.enter_context(FhirTwin(profile=profile))
            patient = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
            if beside is None:
                assert (await twin.write(patient))["response"]["location"] == "Patient/1"
            server = server_of(twin)
            if http:
                served = stack.enter_context(FhirTwinServer(twin))
                server = await stack.enter_async_context(FhirHttp(served.base_url))
            settings = Settings(fhir=FhirSettings.model_validate({"identity": identity, "sending": sending, **fhir}))
            target, description = await adapted(server, settings.fhir, NEEDED | {"Task"})
            pipeline = assemble_pipeline(settings, configuration, model=model, source=twin, target=target)
            pipeline.clock, pipeline.mapping = Steps(), mapping(pipeline.mapping)
            yield Site(twin, target, description, pipeline)

    return opened


@pytest.fixture
def note(event: Event) -> Event:
    def make(text: str, version: str, **more: Any) -> bytes:
        return event(text, version=version, subject={"reference": "Patient/1"}, **more)

    return make


async def live(site: Site, note: Event) -> list[Published]:
    """Published, published again, amended, retracted, revived; each of them twice."""
    done = []
    for value in (
        note(LUNG, "1"),
        note(AMENDED, "2"),
        note(LUNG, "3", status="entered-in-error"),
        note(LUNG, "4"),
    ):
        done.append(await site.through(value))
        versions = site.twin.count_versions()
        await site.through(value)
        assert site.twin.count_versions() == versions, "done again, something changed"
    return done


def comparable(resource: Json) -> Json:
    meta = {k: v for k, v in resource["meta"].items() if k not in ("versionId", "lastUpdated")}
    return {**resource, "meta": {**meta, "source": meta.get("source", "").partition("#")[0]}}


async def in_our_ids(site: Site, full: FhirTwin) -> list[Json]:
    """What the site's server holds of all that a server without lacks holds, as the pipeline sees it."""
    places = [(r["resourceType"], r["id"]) for r in full.current()]
    found = [await site.target.read(*place) for place in places]
    return [comparable(resource) for resource in found if resource is not None]


async def check_same_end(site: Site, full: Site, *, extensions: bool = True) -> None:
    expected = [comparable(r) for r in full.twin.current()]
    if not extensions:
        expected = [bare(r) for r in expected]
    assert await in_our_ids(site, full.twin) == expected
    assert len(site.twin.current()) == len(full.twin.current())


def bare(resource: Json) -> Json:
    without: Json = json.loads(json.dumps(without_extensions(resource)), object_hook=_no_empty)
    return without


def _no_empty(value: Json) -> Json:
    return {k: v for k, v in value.items() if v not in ({}, [])}


class Steps:
    """A clock by which times hang on nothing but how often they were asked for."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.moment += timedelta(hours=1)
        return self.moment


@pytest.fixture(scope="session", name="live")
def given_live() -> Callable[..., Any]:
    """The story of a note on a site."""
    return live


@pytest.fixture(scope="session", name="check_same_end")
def given_check_same_end() -> Callable[..., Any]:
    """Whether a site ends as one on a full server."""
    return check_same_end
