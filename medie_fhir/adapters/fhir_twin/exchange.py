"""What goes into the twin and comes out of it: requests, answers, refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from medie_fhir.model import Json

__all__ = ["Answer", "Refusal", "Request", "answer_json"]

FHIR_JSON = "application/fhir+json;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. ``path`` is below the base URL, without a leading slash; ``headers`` have lower-case names."""

    method: str
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


class Refusal(Exception):
    """Ends the handling of a request with an OperationOutcome. It never leaves the twin: there it is an answer.

    ``code`` is HAPI's number for the same refusal (``HAPI-1094``), or empty where HAPI gives none.
    """

    def __init__(self, status: HTTPStatus, code: str, text: str, issue: str = "processing") -> None:
        super().__init__(text)
        self.status = status
        self.outcome: Json = {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "error", "code": issue, "diagnostics": f"{code}: {text}" if code else text}],
        }


def answer_json(status: int, body: Json | None, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of FHIR JSON, or an empty one."""
    if body is None:
        return Answer(status, headers or {})
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return Answer(status, {"content-type": FHIR_JSON, **(headers or {})}, data)
