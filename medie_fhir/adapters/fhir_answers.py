"""What a FHIR server's answer means: an error of errors.py, or a resource. Pure; the HTTP client and the twin share it.

A server's own words never reach an error's message. HAPI quotes the refused value in ``issue.diagnostics`` (``Unknown
AdministrativeGender code '…'``), which may be PHI. Kept are only the issue's code, HAPI's error number, the element's
path, and for a missing reference the type and id of its target, each only where it has exactly the expected shape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from medie_fhir.errors import (
    FhirAnswerInvalid,
    FhirConflict,
    FhirError,
    FhirForbidden,
    FhirRejected,
    FhirThrottled,
    FhirUnauthorized,
    FhirUnavailable,
)
from medie_fhir.fhir_names import RESOURCE_TYPES
from medie_fhir.model import Json

__all__ = [
    "JSON_TYPES",
    "error_of",
    "matches",
    "next_link",
    "resource_of",
    "retry_after",
    "transaction_response",
    "versions",
]

JSON_TYPES = ("application/fhir+json", "application/json", "application/json+fhir")

_HAPI = re.compile(r"HAPI-\d{4}")
_ISSUE_CODE = re.compile(r"[a-z]+(-[a-z]+)*")
_PATH = re.compile(r"[A-Za-z]+(\[\d+\])?(\.[A-Za-z]+(\[\d+\])?)*")
_MISSING = re.compile(r"HAPI-109[46]: Resource ([A-Za-z]+)/([A-Za-z0-9\-.]{1,64}) (?:not found|is deleted),")

# Lost a race, whatever the status: a concurrent write, a unique index, a client id taken meanwhile.
_RACE = {"HAPI-0550", "HAPI-0823", "HAPI-0824", "HAPI-0825"}
# Answered with 412, but nobody was faster: several resources match, or the body doesn't match its own query.
_NO_RACE = {"HAPI-0539", "HAPI-0929", "HAPI-0958", "HAPI-0988", "HAPI-1092", "HAPI-2207", "multiple-matches"}


def error_of(
    status: int, headers: Mapping[str, str], body: bytes, doing: str, needs: str = "this interaction"
) -> FhirError:
    """The error that an answer of status 300 or more stands for. ``headers`` have lower-case names.

    ``doing`` says what was tried (``"reading a Patient"``), and ``needs`` what it takes to be allowed to (``"Patient:
    read"``), both without ids or values.
    """
    outcome = _outcome(body)
    said = _said(outcome)
    message = f"{doing}: HTTP {status}" + (f" ({'; '.join(said)})" if said else "")
    if status == HTTPStatus.TOO_MANY_REQUESTS or (
        status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in headers
    ):
        return FhirThrottled(message, retry_after(headers))
    if _RACE.intersection(said):
        return FhirConflict(message)
    if status in (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED):
        return FhirRejected(message) if _NO_RACE.intersection(said) else FhirConflict(message)
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE) and outcome is None:
        return FhirAnswerInvalid(f"{message}: not a FHIR server's answer; check the base URL")
    if status == HTTPStatus.FORBIDDEN:
        return FhirForbidden(f"{message}: grant our user or token {needs}, unless this one is rightly closed to us")
    kind, advice = _BY_STATUS.get(status, _by_class(status))
    if kind is FhirRejected and any(part.startswith("missing ") for part in said):
        advice = ": load what is missing into this server first, then send the record again"
    return kind(message + advice)


_NOT_OFFERED = (FhirAnswerInvalid, ": the server doesn't offer this interaction")
_BY_STATUS: dict[int, tuple[type[FhirError], str]] = {
    HTTPStatus.UNAUTHORIZED: (FhirUnauthorized, ": the credentials are missing, wrong or expired"),
    HTTPStatus.METHOD_NOT_ALLOWED: _NOT_OFFERED,
    HTTPStatus.NOT_IMPLEMENTED: _NOT_OFFERED,
    HTTPStatus.REQUEST_TIMEOUT: (FhirUnavailable, ""),
    HTTPStatus.TOO_EARLY: (FhirUnavailable, ""),
}


def _by_class(status: int) -> tuple[type[FhirError], str]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return FhirUnavailable, ""
    if status >= HTTPStatus.BAD_REQUEST:
        return FhirRejected, ""
    return FhirAnswerInvalid, ": a redirect; set the base URL to the server's own address"


def resource_of(headers: Mapping[str, str], body: bytes, wanted: str, doing: str) -> Json:
    """The JSON resource of type ``wanted`` in a body. Raises FhirAnswerInvalid."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in JSON_TYPES:
        shown = kind if re.fullmatch(r"[a-z0-9.+\-]+/[a-z0-9.+\-]+", kind) else "no media type"
        raise FhirAnswerInvalid(f"{doing}: the answer is {shown} and not application/fhir+json; check the base URL")
    try:
        resource = json.loads(body)
    except (ValueError, RecursionError):
        # The decoder's error holds the whole body: it goes no further.
        raise FhirAnswerInvalid(f"{doing}: the answer is not JSON, or was cut short") from None
    if not isinstance(resource, dict) or resource.get("resourceType") != wanted:
        raise FhirAnswerInvalid(f"{doing}: the answer is JSON, but no {wanted}")
    return resource


def transaction_response(sent: Json, answered: Json, doing: str) -> Json:
    """The answer to a transaction, if it is one. Raises FhirAnswerInvalid, FhirRejected."""
    if answered.get("type") != "transaction-response":
        raise FhirAnswerInvalid(f"{doing}: the answer is a Bundle, but no transaction-response")
    entries, answers = len(_objects(sent.get("entry"))), len(_objects(answered.get("entry")))
    if entries != answers:
        # HAPI drops entries that share a conditional URL, and commits the rest (hapi-fhir issue 8183).
        raise FhirRejected(
            f"{doing}: {answers} of {entries} entries were answered; are there duplicates in the Bundle?"
        )
    return answered


def matches(bundle: Json) -> Iterator[Json]:
    """The matches in a page of a search, without what was only included and without warnings."""
    for entry in _objects(bundle.get("entry")):
        resource, search = entry.get("resource"), entry.get("search")
        mode = search.get("mode", "match") if isinstance(search, dict) else "match"
        if isinstance(resource, dict) and mode == "match" and resource.get("resourceType") != "OperationOutcome":
            yield resource


def versions(bundle: Json) -> Iterator[Json]:
    """The resources in a page of a history: one for every version but the deletions, which have none."""
    for entry in _objects(bundle.get("entry")):
        if isinstance(entry.get("resource"), dict):
            yield entry["resource"]


def next_link(bundle: Json) -> str | None:
    """The URL of a Bundle's next page."""
    for link in _objects(bundle.get("link")):
        if link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None


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


def _outcome(body: bytes) -> Json | None:
    try:
        outcome = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return outcome if isinstance(outcome, dict) and outcome.get("resourceType") == "OperationOutcome" else None


def _said(outcome: Json | None) -> list[str]:
    """The parts of an OperationOutcome that can hold no free text, each once, in order."""
    said: dict[str, None] = {}
    for issue in _objects((outcome or {}).get("issue")):
        if issue.get("severity") in ("information", "warning"):
            continue
        code = issue.get("code")
        if isinstance(code, str) and _ISSUE_CODE.fullmatch(code):
            said[code] = None
        details = issue.get("details")
        text = f"{issue.get('diagnostics')} {details.get('text') if isinstance(details, dict) else None}"
        said.update(dict.fromkeys(_HAPI.findall(text)))
        for missing in _MISSING.finditer(text):
            if missing[1] in RESOURCE_TYPES:
                said[f"missing {missing[1]}/{missing[2]}"] = None
        for path in [*_strings(issue.get("expression")), *_strings(issue.get("location"))]:
            if _PATH.fullmatch(path):
                said[f"at {path}"] = None
    return list(said)


def _objects(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
