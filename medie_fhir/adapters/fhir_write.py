"""One entry of a Bundle as an HTTP request of its own, for servers without transactions, and its answer. Pure.

See FHIR R4, http, §3.1.0.4 (update) and §3.1.0.8 (create), with their conditions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from medie_fhir.adapters.fhir_answers import error_of
from medie_fhir.adapters.fhir_outcome import resource_name
from medie_fhir.errors import FhirRejected
from medie_fhir.model import Json
from medie_fhir.ports import FhirServer

__all__ = ["SingleWrite", "WritesSingly", "answered"]

_HEADERS = {"ifMatch": "If-Match", "ifNoneExist": "If-None-Exist"}
_PLACE = re.compile(r"([A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?/?$")


class WritesSingly(FhirServer, Protocol):
    """A FhirServer (see ports) that writes single resources, too: what the strategies for servers stand on."""

    async def write(self, entry: Json) -> Json:
        """Put or post one entry of a Bundle by itself; the entry that answers it. Raises FhirConflict, FhirRejected."""
        ...


@dataclass(frozen=True, slots=True)
class SingleWrite:
    """A PUT or POST of one resource. ``repeatable``: sent twice, it leaves what it leaves when sent once.

    ``bundle`` holds the entry that it is, so that an error can name it (see ``error_of``).
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    data: bytes = field(repr=False)
    doing: str
    needs: str
    repeatable: bool
    bundle: Json = field(repr=False)

    @classmethod
    def of(cls, entry: Json) -> SingleWrite:
        """The request for an entry; its URL is below the base URL. Raises FhirRejected for what JSON can't hold."""
        asked, resource_type = entry["request"], entry["resource"]["resourceType"]
        name = resource_name(entry)
        doing = f"writing {name}" if "/" in name else f"writing a {name or 'resource'}"
        try:
            data = json.dumps(entry["resource"], separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, ValueError):
            raise FhirRejected(f"{doing}: it holds what JSON can't, such as NaN; it was not sent") from None
        headers = {header: asked[name] for name, header in _HEADERS.items() if asked.get(name)}
        unguarded = not asked.get("ifMatch")
        return cls(
            asked["method"],
            asked["url"],
            headers,
            data,
            doing,
            f"{resource_type}: create and update",
            unguarded and (asked["method"] == "PUT" or bool(asked.get("ifNoneExist"))),
            {"entry": [entry]},
        )


def answered(status: int, headers: Mapping[str, str], body: bytes, write: SingleWrite) -> Json:
    """The entry of a transaction-response that an answer (its headers in lower case) stands for, or its error raised.

    ``response.location`` is relative: ``Type/id``.
    """
    if status not in (HTTPStatus.OK, HTTPStatus.CREATED):
        raise error_of(status, headers, body, write.doing, write.needs, bundle=write.bundle)
    response: Json = {"status": f"{status} {HTTPStatus(status).phrase}"}
    place = _PLACE.search(headers.get("location") or headers.get("content-location") or write.url.partition("?")[0])
    if place:
        response["location"] = place[1]
    if "etag" in headers:
        response["etag"] = headers["etag"]
    return {"response": response}
