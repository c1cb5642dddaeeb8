"""What stands in the pages of a search or a history (https://hl7.org/fhir/R4/http.html#paging). Pure.

What is found there is believed: "no such patient" makes a dead letter, and "not written yet" a resource. So a page that
is not what FHIR promises is an error, and nothing in it is passed over in silence; and who asks may rely on it that a
resource has its type, its id and, if any, ``meta`` that is an object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medie_fhir.errors import FhirAnswerInvalid
from medie_fhir.model import Json

__all__ = ["matches", "next_link", "versions", "whole"]


def matches(page: Json, doing: str) -> Iterator[Json]:
    """The matches in a page of a search, without what was only included and without warnings.

    Raises FhirAnswerInvalid, as do all here; ``doing`` says what was tried, without ids or values.
    """
    for entry in _objects(page, "entry", doing):
        resource, search = entry.get("resource"), entry.get("search")
        mode = search.get("mode", "match") if isinstance(search, dict) else "match"
        warns = isinstance(resource, dict) and resource.get("resourceType") == "OperationOutcome"
        if mode == "match" and not warns:
            yield whole(resource, doing)


def versions(page: Json, doing: str) -> Iterator[Json]:
    """The resources in a page of a history: one for every version but the deletions, which have none."""
    for entry in _objects(page, "entry", doing):
        if entry.get("resource") is not None:
            yield whole(entry["resource"], doing)


def next_link(page: Json, doing: str) -> str | None:
    """The URL of a Bundle's next page."""
    for link in _objects(page, "link", doing):
        if link.get("relation") == "next":
            if not (isinstance(link.get("url"), str) and link["url"]):
                raise _broken(doing, "a link to the next page without a URL")
            return str(link["url"])
    return None


def whole(resource: Any, doing: str) -> Json:
    """A resource, if it is one that a server holds: with type, id and sound ``meta``."""
    if not isinstance(resource, dict):
        raise _broken(doing, "an entry without a resource")
    for name in ("resourceType", "id"):
        if not (isinstance(resource.get(name), str) and resource[name]):
            raise _broken(doing, f"a resource without {name}")
    meta = resource.get("meta", {})
    if not isinstance(meta, dict) or not isinstance(meta.get("versionId", ""), str):
        raise _broken(doing, "a resource whose meta is broken")
    return resource


def _objects(page: Json, name: str, doing: str) -> list[Json]:
    value = page.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _broken(doing, f"{name} that is no list of objects")
    return value


def _broken(doing: str, what: str) -> FhirAnswerInvalid:
    return FhirAnswerInvalid(
        f"{doing}: the answer holds {what}, which no FHIR server may give: see its log, and any proxy before it"
    )
