"""What all targets have in common that only take transactions in, and of which nobody here knows what became."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from medie_fhir.errors import ContentNotFound, FhirRejected
from medie_fhir.fhir_names import RESOURCE_TYPES
from medie_fhir.model import Json
from medie_fhir.ports import Content

__all__ = ["WriteOnly", "accepted", "compact", "entries_of", "require_transaction", "statement", "unguarded"]


class WriteOnly:
    """The port ``FhirServer`` but for ``transact``: it answers as a server without resources.

    So nothing that an earlier version of a document gave is found and taken back, unless ``Shadowed`` stands before
    it; and an event that only refers to its note can't be read.
    """

    def __init__(self, name: str, description: str) -> None:
        self._statement = statement(name, description)

    async def aclose(self) -> None:
        """Nothing is open between two transactions."""

    async def capabilities(self) -> Json:
        """A CapabilityStatement with the transaction, and resources under ids of our own."""
        return self._statement

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """None: nothing is known of what was imported."""
        del resource_type, resource_id
        return None

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """Empty: nothing is known of what was imported."""
        del resource_type, params
        return []

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """Empty: nothing is known of what was imported."""
        del resource_type, resource_id
        return []

    async def content(self, url: str) -> Content:
        """Raises ContentNotFound: there is no server to fetch from."""
        del url
        raise ContentNotFound("fetching content: where files or a topic are written to, no FHIR server has it")


def statement(name: str, description: str) -> Json:
    """A CapabilityStatement: transactions of updates that create, for every type."""
    update = [{"code": "update"}]
    resources = [{"type": t, "interaction": update, "updateCreate": True} for t in sorted(RESOURCE_TYPES)]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "software": {"name": name},
        "implementation": {"description": description},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "resource": resources, "interaction": [{"code": "transaction"}]}],
    }


def require_transaction(bundle: Json, doing: str) -> None:
    """Raises FhirRejected for what is no transaction Bundle."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        raise FhirRejected(f"{doing}: not a transaction Bundle")


def entries_of(bundle: Json, doing: str) -> Iterator[tuple[str, Json]]:
    """Place (``Type/id``) and resource of each entry. Raises FhirRejected for all that is no PUT under an id."""
    require_transaction(bundle, doing)
    for number, entry in enumerate(bundle.get("entry", ())):
        request, resource = entry.get("request", {}), entry.get("resource", {})
        place = f"{resource.get('resourceType')}/{resource.get('id')}"
        if request.get("method") != "PUT" or request.get("url") != place:
            raise FhirRejected(f"{doing}: Bundle.entry[{number}] is no PUT of a resource under its own id")
        yield place, resource


def compact(value: Any, doing: str) -> bytes:
    """JSON on one line, the same for the same content. Raises FhirRejected for what JSON in UTF-8 can't hold."""
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        raise FhirRejected(f"{doing}: the Bundle holds what JSON can't; it was not written") from None


def unguarded(bundle: Json) -> Json:
    """The Bundle without ``ifMatch``: the versions that it names are not those of the server that imports it."""
    return {**bundle, "entry": [{**entry, "request": _free(entry["request"])} for entry in bundle.get("entry", ())]}


def _free(request: Json) -> Json:
    return {name: value for name, value in request.items() if name != "ifMatch"}


def accepted(bundle: Json, status: str = "202 Accepted") -> Json:
    """A transaction-response that says the same of each entry."""
    entries = [{"response": {"status": status}} for _ in bundle.get("entry", ())]
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
