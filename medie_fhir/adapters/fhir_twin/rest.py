"""The twin's REST interface: from a request to the interaction that it asks for, and to an answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

from medie_fhir.adapters.fhir_twin.capabilities import capability_statement
from medie_fhir.adapters.fhir_twin.exchange import Answer, Refusal, Request, answer_json
from medie_fhir.adapters.fhir_twin.profile import Profile
from medie_fhir.adapters.fhir_twin.reading import Reading, known_type
from medie_fhir.adapters.fhir_twin.resources import kept_form, loaded
from medie_fhir.adapters.fhir_twin.store import Store
from medie_fhir.adapters.fhir_twin.transaction import run_bundle
from medie_fhir.adapters.fhir_twin.writing import Writing, Written
from medie_fhir.model import Json

__all__ = ["Rest"]


class Rest:
    """Answers requests from a store. Every answer that is not a success is an OperationOutcome."""

    def __init__(
        self,
        store: Store,
        base_url: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        profile: Profile | None = None,
    ) -> None:
        self._store = store
        self._base = base_url
        self._profile = profile or Profile()
        self._reading = Reading(store, base_url, self._profile)
        self._writing = Writing(store, now, self._profile)

    def answer(self, request: Request) -> Answer:
        """The answer to a request. Threads take turns."""
        try:
            if request.method == "GET":
                with self._store.lock:
                    return self._get(request)
            if request.method == "POST" and request.path.endswith("/_search"):
                form = tuple(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
                with self._store.lock:
                    return answer_json(HTTPStatus.OK, self._reading.search(request.path.partition("/")[0], form))
            with self._store.transaction():
                return self._change(request)
        except Refusal as refusal:
            return answer_json(refusal.status, refusal.outcome)

    def _get(self, request: Request) -> Answer:
        if request.path == "metadata":
            return answer_json(HTTPStatus.OK, capability_statement(self._profile))
        if not request.path:
            text = "This is the base URL of FHIR server. It does not contain a resource type or operation name."
            raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0287", text)
        found = self._reading.get(request.path, request.query)
        headers = _version_headers(found) if found["resourceType"] != "Bundle" else {}
        if found["resourceType"] == "Binary" and "application/fhir+json" not in request.headers.get("accept", ""):
            return _raw(found, headers)
        return answer_json(HTTPStatus.OK, found, headers)

    def _change(self, request: Request) -> Answer:
        match request.method, request.path.strip("/").split("/"):
            case "POST", [""]:
                give_back = _prefers(request, "return=representation")
                _content_type(request)
                response = run_bundle(request.body, self._store, self._writing, self._reading, give_back=give_back)
                return answer_json(HTTPStatus.OK, response)
            case "POST", [resource_type]:
                return self._create(request, known_type(resource_type))
            case "PUT", [resource_type]:
                return self._update_where(request, known_type(resource_type))
            case "PUT", [resource_type, resource_id]:
                return self._update(request, known_type(resource_type), resource_id)
            case "DELETE", [resource_type, resource_id]:
                return self._delete(known_type(resource_type), resource_id)
        text = "This server does not know how to handle this method and path"
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "", text, "not-supported")

    def _create(self, request: Request, resource_type: str) -> Answer:
        resource = _resource(request, resource_type)
        condition = request.headers.get("if-none-exist", "") if self._profile.conditional_create else ""
        found = self._writing.the_one(resource_type, condition, "HAPI-0958") if condition else None
        if found:
            return self._written(request, self._writing.seen(resource_type, found))
        one = self._writing.put(resource, self._writing.new_id(), "POST")
        return self._settled(request, one, condition)

    def _update_where(self, request: Request, resource_type: str) -> Answer:
        resource = _resource(request, resource_type)
        condition = urlencode(request.query)
        if not condition:
            text = "Can not update resource, request URL must contain an ID element for update (PUT) operation"
            raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0418", text)
        found, given = self._writing.to_update(resource, condition, "HAPI-0988")
        resource_id = found or given
        method = "PUT" if resource_id else "POST"
        one = self._writing.put(
            resource, resource_id or self._writing.new_id(), method, request.headers.get("if-match")
        )
        return self._settled(request, one, condition)

    def _update(self, request: Request, resource_type: str, resource_id: str) -> Answer:
        resource = _resource(request, resource_type)
        if resource.get("id") is None:
            text = "Can not update resource, resource body must contain an ID element for update (PUT) operation"
            raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0419", text)
        if resource["id"] != resource_id:
            text = "Can not update resource, resource body must contain an ID element which matches the request URL"
            raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0420", text)
        one = self._writing.put(resource, resource_id, "PUT", request.headers.get("if-match"))
        return self._settled(request, one, "")

    def _delete(self, resource_type: str, resource_id: str) -> Answer:
        one = self._writing.delete(resource_type, resource_id)
        self._writing.check([one])
        text = "Deleted" if one.version is not None else "Not deleted, it does not exist"
        issue = {"severity": "information", "code": "informational", "diagnostics": text}
        return answer_json(HTTPStatus.OK, {"resourceType": "OperationOutcome", "issue": [issue]})

    def _settled(self, request: Request, one: Written, condition: str) -> Answer:
        """The answer to a write, if what must hold after it does."""
        self._writing.check([one])
        if condition and not self._writing.is_matched(one.resource_type, one.resource_id, condition):
            text = "Failed to process conditional write. The supplied resource did not satisfy the conditional URL."
            raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0929", text)
        return self._written(request, one)

    def _written(self, request: Request, one: Written) -> Answer:
        assert one.body is not None  # noqa: S101 - a write leaves a resource
        history = f"/_history/{one.version}" if self._profile.versions else ""
        headers = _version_headers(one.body) | {"location": f"{self._base}/{one.place}{history}"}
        return answer_json(one.status, None if _prefers(request, "return=minimal") else one.body, headers)


def _content_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip()
    if not given:
        raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0448", "No Content-Type header was provided in the request")
    if given not in ("application/fhir+json", "application/json"):
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "", "The twin reads application/fhir+json alone", "not-supported"
        )


def _resource(request: Request, resource_type: str) -> Json:
    _content_type(request)
    resource = loaded(request.body)
    if resource["resourceType"] != resource_type:
        text = f'HAPI-1814: Incorrect resource type found, expected "{resource_type}"'
        raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0450", f"Failed to parse request body as JSON resource. {text}")
    return kept_form(resource)


def _prefers(request: Request, what: str) -> bool:
    return what in request.headers.get("prefer", "")


def _version_headers(resource: Json) -> dict[str, str]:
    version = resource["meta"].get("versionId")
    return {"etag": f'W/"{version}"'} if version else {}


def _raw(binary: Json, headers: Mapping[str, str]) -> Answer:
    """A Binary as what it holds. Like HAPI, the media type loses its parameters (a charset, say)."""
    try:
        data = base64.b64decode(binary.get("data", ""))
    except (binascii.Error, ValueError):
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "", "The Binary's data is not base64") from None
    media_type = str(binary.get("contentType", "application/octet-stream")).partition(";")[0].strip()
    return Answer(HTTPStatus.OK, {"content-type": media_type, **headers}, data)
