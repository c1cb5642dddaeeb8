"""The twin's writing interactions on one resource: create, update, delete, and what must hold afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qsl

from medie_fhir.adapters.fhir_twin.exchange import Refusal
from medie_fhir.adapters.fhir_twin.parameters import index_entries, literal, parameters, values_at
from medie_fhir.adapters.fhir_twin.profile import Profile
from medie_fhir.adapters.fhir_twin.reading import find
from medie_fhir.adapters.fhir_twin.resources import (
    checked_id,
    kept_form,
    merged,
    references,
    same,
    without_extensions,
)
from medie_fhir.adapters.fhir_twin.store import Store, Version
from medie_fhir.model import Json

__all__ = ["Writing", "Written"]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a resource. ``version`` is None where nothing was there to delete; ``body`` after a deletion."""

    status: HTTPStatus
    resource_type: str
    resource_id: str
    version: int | None
    body: Json | None

    @property
    def place(self) -> str:
        """``Type/id``."""
        return f"{self.resource_type}/{self.resource_id}"


class Writing:
    """Writes into the store. To be used within a transaction of the store, of which ``check`` is the last step."""

    def __init__(self, store: Store, now: Callable[[], datetime], profile: Profile) -> None:
        self._store = store
        self._now = now
        self.profile = profile

    def new_id(self) -> str:
        """An id that the server gives: a number, which no client's id can be."""
        return str(self._store.next_number("id"))

    def put(self, resource: Json, resource_id: str, method: str = "PUT", if_match: str | None = None) -> Written:
        """Writes a resource under an id: creates it, makes a new version, or changes nothing."""
        resource_type = resource["resourceType"]
        if not self.profile.extensions:
            resource = kept_form(without_extensions(resource))
        self._resolve(resource)
        current = self._store.current(resource_type, checked_id(resource_id))
        if current is None and method == "PUT":
            self._refuse_client_id(resource_type, resource_id)
        heeded = current is not None and if_match is not None and self.profile.if_match
        if current is not None and heeded and _version_of(str(if_match)) != current.version:
            text = f"HAPI-0989: Trying to update {resource_type}/{resource_id} but this is not the current version"
            raise Refusal(HTTPStatus.CONFLICT, "HAPI-0550", text)
        before = current.body if current else None
        body = merged({**resource, "id": resource_id}, before)
        if current and before is not None and same(body, before):
            return Written(HTTPStatus.OK, resource_type, resource_id, current.version, before)
        number = current.version + 1 if current else 1
        # Like HAPI, the number of the request stands in the fragment of meta.source.
        source = str(body["meta"].pop("source", "")).partition("#")[0]
        at = self._now().isoformat(timespec="milliseconds")
        stamp = {
            **({"versionId": str(number)} if self.profile.versions else {}),
            "lastUpdated": at,
            "source": f"{source}#{self._store.next_number('write'):016}",
        }
        body["meta"] = {**stamp, **body["meta"]}
        self._store.write(resource_type, resource_id, Version(number, method, at, body), index_entries(body))
        status = HTTPStatus.CREATED if before is None else HTTPStatus.OK
        return Written(status, resource_type, resource_id, number, body)

    def _refuse_client_id(self, resource_type: str, resource_id: str) -> None:
        if not self.profile.update_as_create:
            text = f"No resource exists on this server resource with ID[{resource_id}], and client-assigned IDs are off"
            raise Refusal(HTTPStatus.NOT_FOUND, "HAPI-0959", f"{resource_type}: {text}")
        if resource_id.isdigit():
            text = (
                "Can not create resource, clients may only assign IDs which contain at least one non-numeric character"
            )
            raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0960", text)

    def to_update(self, resource: Json, query: str, code: str) -> tuple[str | None, str | None]:
        """Which resource a conditional update means: the id of its match, and the id that a new one would have."""
        if not self.profile.conditional_update:
            text = "This server has no conditional update"
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "", text, "not-supported")
        found = self.the_one(resource["resourceType"], query, code)
        given = resource.get("id")
        if found and given not in (None, found):
            text = "Failed to UPDATE resource with match URL: the matching resource has another ID than the provided"
            raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-2279", text)
        if given and not found and not self.profile.client_ids:
            self._refuse_client_id(resource["resourceType"], str(given))
        return found, given

    def seen(self, resource_type: str, resource_id: str) -> Written:
        """A resource that is there already, and is left as it is."""
        current = self._store.current(resource_type, resource_id)
        version, body = (current.version, current.body) if current else (None, None)
        return Written(HTTPStatus.OK, resource_type, resource_id, version, body)

    def delete(self, resource_type: str, resource_id: str) -> Written:
        """Deletes a resource; one that is not there, or not any longer, is no error."""
        current = self._store.current(resource_type, resource_id)
        if current is None or current.body is None:
            version = current.version if current else None
            return Written(HTTPStatus.NO_CONTENT, resource_type, resource_id, version, None)
        at = self._now().isoformat(timespec="milliseconds")
        gone = Version(current.version + 1, "DELETE", at, None)
        self._store.write(resource_type, resource_id, gone, ())
        return Written(HTTPStatus.NO_CONTENT, resource_type, resource_id, gone.number, None)

    def the_one(self, resource_type: str, query: str, code: str) -> str | None:
        """The id of the only match of a conditional URL's query, or None; several are refused under ``code``."""
        pairs = parse_qsl(query.removeprefix(f"{resource_type}?"), keep_blank_values=True)
        if not any(value for _, value in pairs):
            raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0488", "Failed to parse match URL")
        found = find(self._store, resource_type, pairs)
        if len(found) > 1:
            text = f"Invalid match URL for {resource_type}: {len(found)} resources match this search"
            raise Refusal(HTTPStatus.PRECONDITION_FAILED, code, text)
        return found[0] if found else None

    def is_matched(self, resource_type: str, resource_id: str, query: str) -> bool:
        """Whether a resource is found by the conditional URL under which it was written."""
        pairs = parse_qsl(query.removeprefix(f"{resource_type}?"), keep_blank_values=True)
        return resource_id in find(self._store, resource_type, pairs)

    def _resolve(self, resource: Json) -> None:
        """Puts the one match in the place of each reference like ``Patient?identifier=…``."""
        for reference in references(resource):
            kind, mark, query = reference["reference"].partition("?")
            if mark and kind.isalpha():
                found = self.the_one(kind, query, "HAPI-2207")
                if found is None:
                    raise Refusal(
                        HTTPStatus.NOT_FOUND, "HAPI-1091", "Invalid match URL: No resources match this search"
                    )
                reference["reference"] = f"{kind}/{found}"

    def check(self, written: list[Written]) -> None:
        """Refuses a reference to what is not there or is of a type that doesn't fit, and a deletion that leaves one."""
        for one in written:
            if one.body is not None:
                self._check_targets(one.body)
            elif one.version is not None:
                self._check_orphans(one)

    def _check_targets(self, body: Json) -> None:
        for known in parameters(body["resourceType"]):
            if known.kind != "reference" or known.narrows:
                continue
            for path in known.paths:
                where = f"{body['resourceType']}.{path}"
                for value in values_at(body, path):
                    self._check_target(literal(value), known.targets, where)

    def _check_target(self, target: tuple[str | None, str] | None, fitting: frozenset[str] | None, where: str) -> None:
        if target is None:
            return
        kind, identity = target
        if kind is None:
            if identity.startswith("urn:"):
                text = f"Invalid resource reference found at path[{where}] - Does not contain resource type"
                raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0505", text)
            return
        if fitting is not None and kind not in fitting:
            text = f"Invalid reference found at path '{where}'. Resource type '{kind}' is not valid for this path"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "HAPI-0931", text)
        current = self._store.current(kind, identity)
        if current is None:
            text = f"Resource {kind}/{identity} not found, specified in path: {where}"
            raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-1094", text)
        if current.body is None:
            text = f"Resource {kind}/{identity} is deleted, specified in path: {where}"
            raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-1096", text)

    def _check_orphans(self, one: Written) -> None:
        current = self._store.current(one.resource_type, one.resource_id)
        pointing = self._store.pointing_at(one.resource_type, one.resource_id)
        if current and current.body is None and pointing:
            text = f"Unable to delete {one.place} because at least one resource has a reference to it: {pointing}"
            raise Refusal(HTTPStatus.CONFLICT, "", text)


def _version_of(if_match: str) -> int:
    """The version in an ETag, ``W/"3"``; bare too, as HAPI gives it in a transaction-response."""
    text = if_match.removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit()):
        raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-2223", "Not a version in If-Match")
    return int(text)
