"""A target server that holds what a test lays into it, and counts what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.model import DocumentInfo, ExtractionRecord, Json, Outcome, Produced, RetractionReason
from medie_fhir.ports import Content
from medie_fhir.subjects import SubjectOptions, Subjects

BASE = "https://target.example/fhir"


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def pass_(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Target:
    """A FHIR twin, with a log of its requests: ``read Patient``, ``search Patient``, ``transact``."""

    def __init__(self) -> None:
        self.twin, self.clock = FhirTwin(), HandClock()
        self.asked: list[str] = []

    async def hold(self, *resources: Json) -> None:
        entries = [
            {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources
        ]
        await self.twin.transact({"resourceType": "Bundle", "type": "transaction", "entry": entries})

    async def patient(self, id_: str, mrn: str | None = None, **more: Any) -> None:
        given = {"identifier": [{"system": "urn:mrn", "value": mrn}]} if mrn else {}
        await self.hold({"resourceType": "Patient", "id": id_, "gender": "unknown"} | given | more)

    @staticmethod
    def merged_into(id_: str) -> Json:
        """What says that a patient was merged into another."""
        return {"link": [{"other": {"reference": f"Patient/{id_}"}, "type": "replaced-by"}]}

    def stubs(self) -> list[Json]:
        return [p for p in self.twin.current("Patient") if "gender" not in p]

    async def capabilities(self) -> Json:
        return await self.twin.capabilities()

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        self.asked.append(f"read {resource_type}")
        return await self.twin.read(resource_type, resource_id)

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        self.asked.append(f"search {resource_type}")
        return await self.twin.search(resource_type, params)

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        return await self.twin.history(resource_type, resource_id)

    async def transact(self, bundle: Json) -> Json:
        self.asked.append("transact")
        return await self.twin.transact(bundle)

    async def content(self, url: str) -> Content:
        return await self.twin.content(url)


def record_of(
    subject: Json | None, encounter: Json | None = None, retracted: RetractionReason | None = None
) -> ExtractionRecord:
    return ExtractionRecord(
        document=DocumentInfo(reference="DocumentReference/d1", subject=subject, encounter=encounter),
        produced=Produced(at="2026-01-02T10:00:00Z", software="s", task="oncology@1", task_digest="d", model="m"),
        outcome=Outcome.RETRACTED if retracted else Outcome.EXTRACTED,
        reason=retracted,
    )


@pytest.fixture
def target() -> Target:
    return Target()


@pytest.fixture
def clock(target: Target) -> HandClock:
    return target.clock


@pytest.fixture
def subjects(target: Target) -> Callable[..., Subjects]:
    """Subjects over the target, with options."""
    return lambda **options: Subjects(target, target.clock, SubjectOptions(**{"base": BASE} | options))


@pytest.fixture(scope="session")
def record() -> Callable[..., ExtractionRecord]:
    return record_of


@pytest.fixture(scope="session")
def make_target() -> Callable[[], Target]:
    """Another target, for each example of a property."""
    return Target
