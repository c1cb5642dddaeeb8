"""What a FHIR server's answer means: an error of errors.py, or a resource. Pure; the HTTP client and the twin share it.

Of an OperationOutcome, only what fhir_outcome.py lets through reaches a message: a server's own words may be PHI.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from medie_fhir.adapters.fhir_outcome import entry_name, outcome_of, said
from medie_fhir.errors import (
    FhirAnswerInvalid,
    FhirConflict,
    FhirError,
    FhirForbidden,
    FhirRejected,
    FhirThrottled,
    FhirUnauthorized,
    FhirUnavailable,
    FhirUnfit,
)
from medie_fhir.model import Json

__all__ = [
    "JSON_TYPES",
    "error_of",
    "redirected",
    "resource_of",
    "retry_after",
    "transaction_response",
]

JSON_TYPES = ("application/fhir+json", "application/json", "application/json+fhir")

# Lost a race, whatever the status: a concurrent write, a unique index, a client id taken meanwhile.
_RACE = {"HAPI-0550", "HAPI-0823", "HAPI-0824", "HAPI-0825"}
# Answered with 412, but nobody was faster: several resources match, or the body doesn't match its own query.
_NO_RACE = {"HAPI-0539", "HAPI-0929", "HAPI-0958", "HAPI-0988", "HAPI-1092", "HAPI-2207", "multiple-matches"}


# HAPI with the ClientIdStrategy NOT_ALLOWED. HAPI-0960, a numeric id, is one resource's fault: ours are UUIDs.
_NO_CLIENT_IDS = {"HAPI-0959"}


def error_of(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    doing: str,
    needs: str = "this interaction",
    *,
    bundle: Json | None = None,
) -> FhirError:
    """The error that an answer stands for that is not what was asked for. ``headers`` have lower-case names.

    ``doing`` says what was tried (``"reading a Patient"``), and ``needs`` what it takes to be allowed to (``"Patient:
    read"``), both without ids or values. ``bundle`` is what was posted, if anything: its entry at fault is named.
    """
    outcome = outcome_of(body)
    parts = said(outcome, bundle) or ([_media_type(headers)] if body and outcome is None else [])
    message = f"{doing}: HTTP {status}" + (f" ({'; '.join(parts)})" if parts else "")
    if status == HTTPStatus.TOO_MANY_REQUESTS or (
        status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in headers
    ):
        return FhirThrottled(message, retry_after(headers))
    if _RACE.intersection(parts):
        return FhirConflict(message)
    if status in (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED):
        return FhirRejected(message) if _NO_RACE.intersection(parts) else FhirConflict(message)
    if outcome is None and _no_fhir_server(status, headers):
        return FhirAnswerInvalid(f"{message}: not a FHIR server's answer; check the base URL")
    if status == HTTPStatus.FORBIDDEN:
        return FhirForbidden(f"{message}: grant our user or token {needs}, unless this one is rightly closed to us")
    kind, advice = _kind_and_advice(status, parts, writing=bundle is not None)
    return kind(message + advice)


def _no_fhir_server(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer without an OperationOutcome was given by something that stands where the server should."""
    web_page = _media_type(headers) == "text/html" and status in (HTTPStatus.BAD_REQUEST, 422)
    return web_page or status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


def _kind_and_advice(status: int, parts: list[str], *, writing: bool) -> tuple[type[FhirError], str]:
    if _NO_CLIENT_IDS.intersection(parts):
        return FhirUnfit, (
            ": the server lets no client choose ids: set fhir.identity to conditional-update or search-then-create"
        )
    if writing and status in (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED):
        return FhirUnfit, (
            ": the server doesn't offer this way to write: see `medie-fhir doctor`, set fhir.sending and fhir.identity"
        )
    kind, advice = _BY_STATUS.get(status, _by_class(status))
    if kind is FhirRejected and any(part.startswith("missing ") for part in parts):
        advice = ": load what is missing into this server first, then send the record again"
    return kind, advice


_NOT_OFFERED = (FhirAnswerInvalid, ": the server doesn't offer this interaction")
_MOVED = (
    FhirAnswerInvalid,
    ": moved for good; set fhir.base_url, or fhir.source_base_url, to its new address",
)
_BY_STATUS: dict[int, tuple[type[FhirError], str]] = {
    HTTPStatus.ACCEPTED: (FhirAnswerInvalid, ": it will be done later, and nobody will hear how it went"),
    HTTPStatus.MOVED_PERMANENTLY: _MOVED,
    HTTPStatus.PERMANENT_REDIRECT: _MOVED,
    HTTPStatus.UNAUTHORIZED: (FhirUnauthorized, ": the credentials are missing, wrong or expired"),
    HTTPStatus.METHOD_NOT_ALLOWED: _NOT_OFFERED,
    HTTPStatus.NOT_IMPLEMENTED: _NOT_OFFERED,
    HTTPStatus.REQUEST_TIMEOUT: (FhirUnavailable, ""),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        FhirRejected,
        ": more than the server, or a proxy before it, takes at once; raise its limit, and send the record again",
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (FhirRejected, ": the server takes no FHIR JSON"),
    HTTPStatus.TOO_EARLY: (FhirUnavailable, ""),
}


def _by_class(status: int) -> tuple[type[FhirError], str]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return FhirUnavailable, ""
    if status >= HTTPStatus.BAD_REQUEST:
        return FhirRejected, ""
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        return FhirAnswerInvalid, ": a redirect, which is not followed; set the base URL to the server's own address"
    return FhirAnswerInvalid, ": there is nothing in it, where a resource is due"


def redirected(status: int, doing: str, *, elsewhere: bool) -> FhirAnswerInvalid:
    """The error that a redirect stands for. ``elsewhere``: to another origin than the server's own."""
    _, advice = _BY_STATUS.get(status, _by_class(status))
    where = " to another host, scheme or port: not followed, no credentials went there" if elsewhere else ""
    return FhirAnswerInvalid(f"{doing}: HTTP {status}{where}{advice}")


def _media_type(headers: Mapping[str, str]) -> str:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind if re.fullmatch(r"[a-z0-9.+\-]{1,60}/[a-z0-9.+\-]{1,60}", kind) else "no media type"


def resource_of(headers: Mapping[str, str], body: bytes, wanted: str, doing: str) -> Json:
    """The JSON resource of type ``wanted`` in a body. Raises FhirAnswerInvalid."""
    kind = _media_type(headers)
    if kind not in JSON_TYPES:
        hint = "does a proxy drop our Accept header?" if kind.endswith("xml") else "check the base URL"
        raise FhirAnswerInvalid(f"{doing}: the answer is {kind} and not application/fhir+json; {hint}")
    try:
        resource = json.loads(body)
    except (ValueError, RecursionError):
        # The decoder's error holds the whole body: it goes no further.
        raise FhirAnswerInvalid(f"{doing}: the answer is not JSON, or was cut short") from None
    if not isinstance(resource, dict) or resource.get("resourceType") != wanted:
        parts = said(outcome_of(body))
        told = f", but an OperationOutcome ({'; '.join(parts)})" if parts else ""
        raise FhirAnswerInvalid(f"{doing}: the answer is JSON, but no {wanted}{told}")
    return resource


def transaction_response(sent: Json, answered: Json, doing: str) -> Json:
    """The answer to a transaction, if it is one. Raises FhirAnswerInvalid, FhirRejected.

    Or the error that an entry's status stands for: a transaction is done as a whole or not at all, and a server that
    says otherwise is not taken at half its word. Of a batch, each entry's status is its own.
    """
    kind = f"{sent.get('type')}-response"
    if answered.get("type") != kind:
        raise FhirAnswerInvalid(f"{doing}: the answer is a Bundle, but no {kind}")
    entries, answers = _objects(sent.get("entry")), answered.get("entry", [])
    if not isinstance(answers, list) or not all(_fits(answer) for answer in answers):
        raise FhirAnswerInvalid(f"{doing}: the answer holds entries that answer nothing: see the server's log")
    if kind == "transaction-response":
        for number, (_, answer) in enumerate(zip(entries, answers, strict=False)):
            _raise_for(answer.get("response"), sent, number, doing)
    if len(entries) != len(answers):
        # HAPI drops entries that share a conditional URL, and commits the rest (hapi-fhir issue 8183).
        raise FhirRejected(
            f"{doing}: {len(answers)} of {len(entries)} entries were answered; are there duplicates in the Bundle?"
        )
    if all(answer.get("response", {}) is not None for answer in answers):
        return answered
    # A null is as nothing: FHIR JSON has none, and nobody who reads on need know of it.
    told = [{name: value for name, value in answer.items() if value is not None} for answer in answers]
    return {**answered, "entry": told}


def _fits(answer: Any) -> bool:
    """Whether it may answer an entry: those who read on may rely on the types of what it tells."""
    if not isinstance(answer, dict):
        return False
    response = answer.get("response")
    if not isinstance(response, dict):
        return response is None
    return all(isinstance(response.get(name, ""), str) for name in ("location", "etag"))


def _raise_for(response: Any, sent: Json, number: int, doing: str) -> None:
    """Raise what the answer to one entry stands for where it is a failure. One without a status is like the whole."""
    told = re.match(r"[1-9]\d\d\b", str(response.get("status"))) if isinstance(response, dict) else None
    if told and not told[0].startswith("2"):
        outcome = json.dumps(response.get("outcome")).encode()
        raise error_of(int(told[0]), {}, outcome, f"{doing}: {entry_name(sent, number)}", bundle=sent)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a ``Retry-After``, given as seconds or as a date (RFC 9110 §10.2.3); never negative."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        then = _utc(parsedate_to_datetime(text))
        # The server's own clock where it tells it, so that ours may be wrong.
        now = _utc(parsedate_to_datetime(headers["date"])) if "date" in headers else datetime.now(UTC)
    except ValueError:
        return None
    return max(0.0, (then - now).total_seconds())


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _objects(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
