"""What the twin does to a resource before it keeps it, as HAPI does. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from medie_fhir.adapters.fhir_twin.exchange import Refusal
from medie_fhir.fhir_names import RESOURCE_TYPES, is_id
from medie_fhir.model import Json

__all__ = [
    "as_resource",
    "checked_id",
    "kept_form",
    "loaded",
    "merged",
    "references",
    "same",
    "without_extensions",
]

_LABELS = ("tag", "security")


def loaded(body: bytes) -> Json:
    """The JSON object of an R4 type that a body holds, as it came."""
    try:
        return as_resource(json.loads(body))
    except (ValueError, RecursionError):
        raise _unparsable("HAPI-1861: Failed to parse JSON encoded FHIR content") from None


def as_resource(resource: Any) -> Json:
    """The same, if it is a JSON object of an R4 type."""
    if not isinstance(resource, dict):
        raise _unparsable("HAPI-1861: HAPI-1859: Content does not appear to be FHIR JSON (must be an object)")
    kind = resource.get("resourceType")
    if kind is None:
        raise _unparsable("HAPI-1843: Missing required element 'resourceType' from JSON resource object")
    if not isinstance(kind, str) or kind not in RESOURCE_TYPES:
        raise _unparsable("HAPI-1684: Unknown resource name (it is not known in FHIR version R4)")
    return resource


def kept_form(resource: Json) -> Json:
    """A resource as it will be kept: a copy with nothing empty in it, and with references without their version."""
    kept: Json = _pruned(resource)
    for reference in references(kept):
        if not reference["reference"].startswith("urn:"):
            reference["reference"] = reference["reference"].partition("/_history/")[0]
    return kept


def without_extensions(value: Any) -> Any:
    """The same, as a server keeps it that overlooks what it doesn't know."""
    if isinstance(value, dict):
        return {
            name: without_extensions(child)
            for name, child in value.items()
            if name not in ("extension", "modifierExtension")
        }
    return [without_extensions(item) for item in value] if isinstance(value, list) else value


def checked_id(resource_id: str) -> str:
    """An id that a client may give."""
    if not is_id(resource_id):
        raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0521", "Can not process entity, this is not a valid FHIR ID")
    return resource_id


def references(value: Any) -> Iterator[Json]:
    """Every Reference with a literal, at any depth, extensions and contained resources included."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value
        for child in value.values():
            yield from references(child)
    elif isinstance(value, list):
        for child in value:
            yield from references(child)


def merged(new: Json, old: Json | None) -> Json:
    """What is kept when ``new`` replaces ``old``: tags and security labels add up, all else is replaced.

    The client's version and time are dropped.
    """
    meta = {name: value for name, value in new.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    before = (old or {}).get("meta", {})
    for name in _LABELS:
        labels = {(label.get("system"), label.get("code")): label for label in reversed(meta.get(name, []))}
        labels.update({(label.get("system"), label.get("code")): label for label in reversed(before.get(name, []))})
        if labels:
            meta[name] = list(reversed(labels.values()))
    rest = {name: value for name, value in new.items() if name not in ("resourceType", "id", "meta")}
    return {"resourceType": new["resourceType"], "id": new.get("id"), "meta": meta, **rest}


def same(new: Json, old: Json) -> bool:
    """Whether a write would change nothing. Order of keys, ``meta.source``, version and time don't count.

    In ``meta.profile``, tags and security labels neither order nor display count.
    """
    return _content(new) == _content(old)


def _content(resource: Json) -> str:
    meta = resource.get("meta", {})
    labels = {
        name: sorted(f"{label.get('system', '')}|{label.get('code', '')}" for label in meta.get(name, []))
        for name in _LABELS
    }
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return json.dumps([rest, sorted(meta.get("profile", [])), labels], sort_keys=True)


def _pruned(value: Any) -> Any:
    """Without empty strings, arrays, objects and nulls, which FHIR JSON doesn't allow and HAPI's parser drops.

    A null within an array stays where a neighbour holds something: it keeps the place of an ``_element``.
    """
    if isinstance(value, dict):
        kept = {name: _pruned(child) for name, child in value.items()}
        return {name: child for name, child in kept.items() if not _is_empty(child)}
    if isinstance(value, list):
        items = [_pruned(child) for child in value]
        return [] if all(_is_empty(item) for item in items) else [None if _is_empty(item) else item for item in items]
    return value


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _unparsable(text: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0450", f"Failed to parse request body as JSON resource. {text}")
