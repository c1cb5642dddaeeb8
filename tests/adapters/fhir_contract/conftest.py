"""Every kind of FHIR server, for one suite over all: what each of them does for us, and what we write to each."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medie_fhir.adapters.fhir_http import FhirHttp
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.adapters.fhir_write import WritesSingly
from medie_fhir.errors import FhirConflict
from medie_fhir.model import Json

SYSTEM = "urn:medie-fhir:test"


@dataclass(frozen=True)
class Target:
    """A FHIR server under test. ``tag`` makes ids and identifiers that no earlier test used, for servers that keep."""

    server: WritesSingly
    tag: str

    def id(self, name: str) -> str:
        return f"{name}-{self.tag}"

    def patient(self, key: str = "p", **more: Any) -> Json:
        identity = self.id(key)
        identifier = [{"system": SYSTEM, "value": identity}]
        return {"resourceType": "Patient", "id": identity, "identifier": identifier, **more}

    def anonymous(self, key: str = "k", **more: Any) -> Json:
        return {name: value for name, value in self.patient(key, **more).items() if name != "id"}

    def condition(self, key: str = "c", subject: str | None = None, **more: Any) -> Json:
        return {
            "resourceType": "Condition",
            "id": self.id(key),
            "category": [{"coding": [{"system": "urn:category", "code": "problem-list-item"}]}],
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "254637007"}]},
            "subject": {"reference": subject or f"Patient/{self.id('p')}"},
            **more,
        }

    def six(self) -> list[Json]:
        """What the library writes for a note: a patient, a document, a device, two facts, and how they came about."""
        loinc = {"coding": [{"system": "http://loinc.org", "code": "21908-9"}], "text": "Stage group"}
        subject = {"reference": f"Patient/{self.id('p')}"}
        document = {"reference": f"DocumentReference/{self.id('d')}"}
        return [
            self.patient(),
            self.condition(),
            {
                "resourceType": "Observation",
                "id": self.id("o"),
                "status": "preliminary",
                "code": loinc,
                "subject": subject,
                "focus": [{"reference": f"Condition/{self.id('c')}"}],
            },
            {
                "resourceType": "Provenance",
                "id": self.id("v"),
                "recorded": "2026-05-01T10:00:00Z",
                "target": [{"reference": f"Condition/{self.id('c')}"}, {"reference": f"Observation/{self.id('o')}"}],
                "agent": [{"who": {"reference": f"Device/{self.id('s')}"}}],
                "entity": [{"role": "source", "what": document}],
            },
            {"resourceType": "Device", "id": self.id("s"), "deviceName": [{"name": "reader", "type": "model-name"}]},
            {
                "resourceType": "DocumentReference",
                "id": self.id("d"),
                "status": "current",
                "subject": subject,
                "content": [{"attachment": {"contentType": "text/plain", "url": f"Binary/{self.id('b')}"}}],
            },
        ]

    def ids(self) -> dict[str, str]:
        return {name: self.id(name) for name in "pcovsd"}

    @staticmethod
    def entry(
        resource: Json, method: str = "PUT", url: str | None = None, full_url: str | None = None, **request: str
    ) -> Json:
        place = url if url is not None else f"{resource['resourceType']}/{resource['id']}"
        made: Json = {"resource": resource, "request": {"method": method, "url": place, **request}}
        return made if full_url is None else {"fullUrl": full_url, **made}

    @staticmethod
    def deletion(place: str) -> Json:
        return {"request": {"method": "DELETE", "url": place}}

    @staticmethod
    def transaction(*entries: Json) -> Json:
        return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}

    @staticmethod
    def batch(*entries: Json) -> Json:
        return {"resourceType": "Bundle", "type": "batch", "entry": list(entries)}

    @staticmethod
    def puts(resources: list[Json]) -> Json:
        return Target.transaction(*(Target.entry(resource) for resource in resources))

    @staticmethod
    def outcomes(response: Json) -> list[tuple[str, str | None]]:
        """Status and version of each entry of a transaction-response."""
        answers = [item["response"] for item in response["entry"]]
        return [
            (answer["status"][:3], answer.get("etag", "").removeprefix("W/").strip('"') or None) for answer in answers
        ]

    @staticmethod
    def without_meta(resource: Json | None) -> Json:
        assert resource is not None
        return {name: value for name, value in resource.items() if name != "meta"}

    async def racing(self, bundles: list[Json]) -> list[Json | BaseException]:
        """Post them all at once; what came of each. What is no conflict is a failure of the test."""
        came = await asyncio.gather(*map(self.server.transact, bundles), return_exceptions=True)
        strange = [one for one in came if isinstance(one, BaseException) and not isinstance(one, FhirConflict)]
        assert strange == []
        return came

    @staticmethod
    def winners(came: list[Json | BaseException], status: str) -> int:
        return sum(Target.outcomes(one)[0][0] == status for one in came if not isinstance(one, BaseException))


_KINDS = ["twin in memory", "twin in a file", "twin over HTTP", pytest.param("real HAPI", marks=pytest.mark.fhir)]


@pytest.fixture(params=_KINDS)
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Target]:
    """Each kind of FHIR server in turn (docs/fhir-server.md)."""
    async with AsyncExitStack() as stack:
        server: WritesSingly
        if request.param == "real HAPI":
            server = await stack.enter_async_context(FhirHttp(request.getfixturevalue("fhir_address")))
        elif request.param == "twin over HTTP":
            served = stack.enter_context(FhirTwinServer(stack.enter_context(FhirTwin())))
            server = await stack.enter_async_context(FhirHttp(served.base_url))
        else:
            path = tmp_path / "twin.sqlite" if request.param == "twin in a file" else None
            server = stack.enter_context(FhirTwin(path))
        yield Target(server, uuid.uuid4().hex[:12])
