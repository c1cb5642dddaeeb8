"""The twin's reading interactions: read, vread, history, search (https://hl7.org/fhir/R4/http.html, search.html)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlencode

from medie_fhir.adapters.fhir_twin.exchange import Refusal
from medie_fhir.adapters.fhir_twin.parameters import Parameter, parameter
from medie_fhir.adapters.fhir_twin.profile import Profile
from medie_fhir.adapters.fhir_twin.store import Store, Version
from medie_fhir.fhir_names import RESOURCE_TYPES
from medie_fhir.model import Json

__all__ = ["Reading", "find", "known_type"]

_PAGE_SIZE = 10  # HAPI's default, small enough that paging is seen in every test
_OFFSET = "_offset"
# Escapes: FHIR R4, search, §3.1.1.4.2. What is escaped parts nothing.
_ALTERNATIVE = re.compile(r"(?:[^\\,]|\\.?)+", re.DOTALL)
_WITH_SYSTEM = re.compile(r"((?:[^\\|]|\\.)*)\|(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\$,|])")
_ABOUT_THE_ANSWER = {"_count", "_format", "_pretty", "_total", _OFFSET}

Query = Sequence[tuple[str, str]]


def known_type(resource_type: str) -> str:
    """The name of an R4 type, or a refusal."""
    if resource_type not in RESOURCE_TYPES:
        raise Refusal(HTTPStatus.NOT_FOUND, "HAPI-0302", "Unknown resource type")
    return resource_type


def find(store: Store, resource_type: str, query: Query) -> list[str]:
    """The ids of all resources that a search matches, oldest first. Parameters are joined by AND, commas by OR."""
    found: set[str] | None = None
    for name, value in query:
        if name in _ABOUT_THE_ANSWER:
            continue
        matched = _matched(store, resource_type, name, value)
        if matched is not None:
            found = matched if found is None else found & matched
    every = store.everything(resource_type)
    return every if found is None else [resource_id for resource_id in every if resource_id in found]


def _matched(store: Store, resource_type: str, name: str, value: str) -> set[str] | None:
    """The ids that one parameter matches; None for a parameter without a value, which says nothing."""
    plain, _, modifier = name.partition(":")
    known = parameter(resource_type, plain)
    if (known is None and plain != "_id") or (modifier and modifier not in RESOURCE_TYPES):
        text = f'Unknown search parameter "{plain}" for resource type "{resource_type}", or a modifier the twin lacks'
        raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0524", text)
    alternatives = _ALTERNATIVE.findall(value)
    if not alternatives:
        return None
    if known is None:
        return {_plain(part).removeprefix(f"{resource_type}/") for part in alternatives}
    match = _token if known.kind == "token" else _reference
    return {hit for part in alternatives for hit in match(store, resource_type, known, part, modifier)}


def _token(store: Store, resource_type: str, known: Parameter, text: str, _modifier: str) -> list[str]:
    """``code``, ``system|code``, ``|code`` (without system), ``system|``; with escapes."""
    parted = _WITH_SYSTEM.fullmatch(text)
    bar, system, code = bool(parted), _plain(parted[1] if parted else ""), _plain(parted[2] if parted else text)
    if bar and not code:
        return store.found_in_system(resource_type, known.name, system)
    hits = store.found(resource_type, known.name, code)
    return [hit for hit, its_system in hits if not bar or (its_system or "") == system]


def _plain(text: str) -> str:
    """A value without its escapes."""
    return _ESCAPED.sub(r"\1", text)


def _reference(store: Store, resource_type: str, known: Parameter, text: str, modifier: str) -> list[str]:
    """``id``, ``Type/id``, or the URL of another server's resource."""
    text = _plain(text)
    kind, slash, identity = text.partition("/")
    if "://" in text or not slash:
        kind, identity = "", text
    hits = store.found(resource_type, known.name, identity)
    wanted = modifier or kind
    return [hit for hit, its_type in hits if not wanted or its_type == wanted]


class Reading:
    """Answers with resources and Bundles, or refuses. ``base_url`` stands in links and full URLs."""

    def __init__(self, store: Store, base_url: str, profile: Profile) -> None:
        self._store = store
        self._base = base_url
        self._profile = profile

    def get(self, path: str, query: Query) -> Json:
        """What a GET of a path below the base answers: a resource, one of its versions, its history, a search."""
        match path.strip("/").split("/"):
            case [resource_type]:
                return self.search(resource_type, query)
            case [resource_type, resource_id]:
                return self.read(resource_type, resource_id)
            case [resource_type, resource_id, "_history"] if self._profile.versions:
                return self.history(resource_type, resource_id, query)
            case [resource_type, resource_id, "_history", number] if self._profile.versions:
                return self.vread(resource_type, resource_id, number)
        raise Refusal(HTTPStatus.BAD_REQUEST, "", "This server does not know how to handle this GET", "not-supported")

    def read(self, resource_type: str, resource_id: str) -> Json:
        """A resource as it is now."""
        current = self._store.current(known_type(resource_type), resource_id)
        if current is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "HAPI-2001", f"Resource {resource_type}/{resource_id} is not known")
        if current.body is None:
            raise Refusal(HTTPStatus.GONE, "", "Resource was deleted")
        return current.body

    def vread(self, resource_type: str, resource_id: str, number: str) -> Json:
        """A resource as it was in one version."""
        for version in self._store.versions(known_type(resource_type), resource_id):
            if str(version.number) == number:
                if version.body is None:
                    raise Refusal(HTTPStatus.GONE, "", "Resource was deleted")
                return version.body
        raise Refusal(HTTPStatus.NOT_FOUND, "HAPI-0979", f"Version is not valid for {resource_type}/{resource_id}")

    def history(self, resource_type: str, resource_id: str, query: Query) -> Json:
        """All versions of a resource, newest first."""
        versions = self._store.versions(known_type(resource_type), resource_id)
        if not versions:
            raise Refusal(HTTPStatus.NOT_FOUND, "HAPI-2001", f"Resource {resource_type}/{resource_id} is not known")
        place = f"{resource_type}/{resource_id}"
        entries = [self._past(place, version) for version in versions]
        return self._page("history", f"{place}/_history", query, entries)

    def search(self, resource_type: str, query: Query) -> Json:
        """The matches of a search, a page of them."""
        lacks = not self._profile.provenance_entity and resource_type == "Provenance"
        if lacks and any(name.partition(":")[0] == "entity" for name, _ in query):
            raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0524", 'Unknown search parameter "entity"')
        places = [(resource_type, hit) for hit in find(self._store, known_type(resource_type), query)]
        entries: list[Json] = [
            {"fullUrl": f"{self._base}/{kind}/{hit}", "search": {"mode": "match"}} for kind, hit in places
        ]
        page = self._page("searchset", resource_type, query, entries)
        for entry in page["entry"]:
            entry["resource"] = self.read(resource_type, entry["fullUrl"].rpartition("/")[2])
        return page

    def _past(self, place: str, version: Version) -> Json:
        created = version.number == 1
        return {
            "fullUrl": f"{self._base}/{place}",
            **({} if version.body is None else {"resource": version.body}),
            "request": {"method": version.method, "url": f"{place}/_history/{version.number}"},
            "response": {"status": "201 Created" if created else "200 OK", "etag": f'W/"{version.number}"'},
        }

    def _page(self, kind: str, path: str, query: Query, entries: list[Json]) -> Json:
        size, offset = _number(query, "_count", _PAGE_SIZE), _number(query, _OFFSET, 0)
        links = [{"relation": "self", "url": f"{self._base}/{path}?{urlencode(query)}".rstrip("?")}]
        if size and offset + size < len(entries):
            further = [(name, value) for name, value in query if name not in ("_count", _OFFSET)]
            further += [("_count", str(size)), (_OFFSET, str(offset + size))]
            links.append({"relation": "next", "url": f"{self._base}/{path}?{urlencode(further)}"})
        page = entries[offset : offset + size]
        return {"resourceType": "Bundle", "type": kind, "total": len(entries), "link": links, "entry": page}


def _number(query: Query, name: str, default: int) -> int:
    text = dict(query).get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise Refusal(HTTPStatus.BAD_REQUEST, "HAPI-0375", f"Invalid {name} value")
    return int(text)
