"""A real server to prove things on: pipelines that write to it, and its histories, read past the library."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from oracle import Known, State, content

from medie_fhir.adapters.fhir_http import FhirHttp, Patience
from medie_fhir.configuration import Configuration
from medie_fhir.errors import FhirConflict, MedieError, NoteSkipped, Policy
from medie_fhir.model import ExtractionRecord, Json, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelDescription
from medie_fhir.settings import Settings
from medie_fhir.transaction import BASE
from medie_fhir.wiring import assemble_pipeline

__all__ = ["MODEL", "Figure", "Stand", "Tally", "do", "each_of", "publish", "put", "say"]

MODEL = ModelDescription("stub-base", "proof", "d1g35t", "stub 1")
_ATTEMPTS = 50
_OURS = ("DocumentReference", "Provenance", "Condition", "Observation")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of build/fhir-proof.json."""

    name: str
    value: float
    unit: str
    wanted: str
    ok: bool


@dataclass(slots=True)
class Tally:
    """What came of the work: ``conflicts`` and ``outages`` were tried again, ``errors`` (by class) are left."""

    conflicts: int = 0
    outages: int = 0
    errors: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Stand:
    """A server, and a ``source`` of documents that is a row's own, and with it the ids of all that is written."""

    base_url: str
    http: httpx.AsyncClient
    source: str
    since: str

    @classmethod
    @asynccontextmanager
    async def at(cls, base_url: str, row: str) -> AsyncIterator[Stand]:
        """A stand for a row."""
        async with httpx.AsyncClient(timeout=120, headers={"Cache-Control": "no-cache"}, trust_env=False) as http:
            answer = await http.get(f"{base_url}/Patient", params={"_summary": "count"})
            began = parsedate_to_datetime(answer.headers["date"]).strftime("%Y-%m-%dT%H:%M:%SZ")  # by its own clock
            yield cls(base_url, http, f"proof-{row}-{uuid.uuid4().hex[:8]}", began)

    def settings(self, **more: Any) -> Settings:
        """The settings of the row: its source and server."""
        return Settings(notes={"source": self.source}, fhir={"base_url": self.base_url}, **more)

    @asynccontextmanager
    async def pipeline(self, configuration: Configuration | None = None) -> AsyncIterator[Pipeline]:
        """A pipeline that writes to the server, as a process that starts has one."""
        settings = self.settings()
        async with FhirHttp(self.base_url, patience=Patience(timeout=120.0)) as server:
            yield assemble_pipeline(
                settings, configuration or Configuration(settings), model=Known(MODEL), source=server, target=server
            )

    async def write(self, resources: Iterable[Json]) -> None:
        """Put resources past the library."""
        (await self.http.post(self.base_url, json=put(resources))).raise_for_status()

    async def versions(self) -> dict[str, list[Json | None]]:
        """All versions of all that was written for the row, oldest first; None is a deletion."""
        found: dict[str, dict[str, Json | None]] = defaultdict(dict)
        url: str | None = f"{self.base_url}/_history?_count=50&_since={self.since}"
        while url:
            page = (await self.http.get(url)).raise_for_status().json()
            for entry in page.get("entry", ()):
                place = "/".join(entry["fullUrl"].split("/_history/")[0].split("/")[-2:])
                found[place][entry["response"]["etag"]] = entry.get("resource")  # others' writes shift the pages
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        in_order = {place: list(reversed(versions.values())) for place, versions in found.items()}
        ours = self._ours(in_order)
        return {place: versions for place, versions in in_order.items() if place in ours}

    def _ours(self, found: dict[str, list[Json | None]]) -> set[str]:
        """Which of them belong to the row: the copies of its documents, and what refers to them."""
        ours: set[str] = set()
        for kind in _OURS:  # the copies come first: all others are known by them
            for place, versions in found.items():
                newest = next((v for v in reversed(versions) if v), None)
                if newest is not None and place.startswith(f"{kind}/") and self._is_ours(newest, ours):
                    ours.add(place)
        return ours

    def _is_ours(self, resource: Json, copies: set[str]) -> bool:
        if resource["resourceType"] == "DocumentReference":
            keys = [i["value"] for i in resource.get("identifier", ()) if i.get("system") == f"{BASE}/document"]
            return any(key.startswith(f"{self.source}|") for key in keys)
        if resource["resourceType"] == "Provenance":
            return any(entity["what"].get("reference") in copies for entity in resource.get("entity", ()))
        return resource.get("meta", {}).get("source", "").partition("#")[0] in copies

    async def state(self) -> State:
        """The same as the oracle's: each version's content."""
        return {place: [content(v) for v in versions] for place, versions in (await self.versions()).items()}

    async def history(self, place: str) -> int:
        """How many versions a resource has, by its own ``_history``."""
        entries, url = 0, f"{self.base_url}/{place}/_history?_count=50"
        while url:
            page = (await self.http.get(url)).raise_for_status().json()
            entries += len(page.get("entry", ()))
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        return entries


async def do(pipeline: Pipeline, tally: Tally, value: bytes | None, key: bytes | None = None, ms: int = 0) -> None:
    """An event through the whole pipeline, as the consumers do it: what may pass is tried again, the rest counted."""
    try:
        for event in await pipeline.events(value, key, timestamp_ms=ms):
            if not isinstance(event, NoteEvent):
                raise event
            await publish(pipeline, tally, await pipeline.extract(event))
    except NoteSkipped:
        return
    except MedieError as error:
        tally.errors[type(error).__name__] += 1


async def publish(pipeline: Pipeline, tally: Tally, record: ExtractionRecord) -> None:
    """Publish a record until it is, or can't be."""
    for attempt in range(_ATTEMPTS):
        try:
            await pipeline.publish(record)
        except MedieError as error:
            if error.policy is not Policy.RETRY or attempt == _ATTEMPTS - 1:
                raise
            tally.conflicts += isinstance(error, FhirConflict)
            tally.outages += not isinstance(error, FhirConflict)
        else:
            return


async def each_of(items: Iterable[Any], work: Callable[[Any], Awaitable[None]], at_once: int) -> None:
    """Do ``work`` for all of ``items``, so many at once, in order."""
    left = iter(items)

    async def one() -> None:
        for item in left:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one())


def put(resources: Iterable[Json]) -> Json:
    """A transaction that puts each resource in its place."""
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def say(text: str) -> None:
    """Progress, on stderr."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()
