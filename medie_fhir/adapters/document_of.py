"""Which document a transaction Bundle of ours is about."""

from __future__ import annotations

from collections.abc import Iterator

from medie_fhir.model import Json
from medie_fhir.transaction import BASE

__all__ = ["devices_named", "document_key", "mapping_of"]


def document_key(bundle: Json, source: str | None = None) -> str | None:
    """The key of the document (see ``DocumentInfo.key``), or None for a Bundle about none, such as of a Device.

    From the copy's identifier; where there is no copy, from what a Provenance names as its source. Where all refer to
    the document by identifier alone, the id that a copy would have stands in the key's place.
    """
    for resource in _resources(bundle, "DocumentReference"):
        for identifier in resource.get("identifier", ()):
            if identifier.get("system") == f"{BASE}/document":
                return str(identifier["value"])
    for what in _entities(bundle, "source"):
        if what.get("reference"):
            return f"{source or ''}|{what['reference']}"
    for provenance in _resources(bundle, "Provenance"):
        for tag in provenance.get("meta", {}).get("tag", ()):
            if tag.get("system") == f"{BASE}/source-document":
                return str(tag["code"])
    return None


def mapping_of(bundle: Json) -> str | None:
    """The mapping (name, version, digest) that made the Bundle's facts, as its Provenance says."""
    for what in _entities(bundle, "derivation"):
        identifier = what.get("identifier", {})
        if identifier.get("system") == f"{BASE}/mapping":
            return str(identifier["value"])
    return None


def devices_named(bundle: Json) -> set[str]:
    """The Devices (``Device/id``) that the Bundle's Provenances name as agents."""
    who = (agent.get("who", {}) for p in _resources(bundle, "Provenance") for agent in p.get("agent", ()))
    return {each["reference"] for each in who if str(each.get("reference")).startswith("Device/")}


def _entities(bundle: Json, role: str) -> Iterator[Json]:
    for provenance in _resources(bundle, "Provenance"):
        for entity in provenance.get("entity", ()):
            if entity.get("role") == role:
                yield entity.get("what", {})


def _resources(bundle: Json, resource_type: str) -> Iterator[Json]:
    resources = (entry.get("resource", {}) for entry in bundle.get("entry", ()))
    return (resource for resource in resources if resource.get("resourceType") == resource_type)
