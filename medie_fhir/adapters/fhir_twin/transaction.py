"""The twin's transaction and batch: many interactions, all or nothing, or each by itself.

See https://hl7.org/fhir/R4/http.html#transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from medie_fhir.adapters.fhir_twin.exchange import Refusal
from medie_fhir.adapters.fhir_twin.reading import Reading
from medie_fhir.adapters.fhir_twin.resources import as_resource, kept_form, loaded, references
from medie_fhir.adapters.fhir_twin.store import Store
from medie_fhir.adapters.fhir_twin.writing import Writing, Written
from medie_fhir.model import Json

__all__ = ["run_bundle"]

_VERBS = ("DELETE", "POST", "PUT", "GET")  # in the order in which FHIR has them processed


@dataclass(slots=True)
class _Entry:
    """One entry of the Bundle, on its way to an answer."""

    index: int
    verb: str
    path: str
    query: str
    full_url: str | None
    resource: Json | None
    if_match: str | None
    if_none_exist: str | None
    resource_type: str = ""
    resource_id: str = ""
    matched: bool = False
    answer: Json = field(default_factory=dict)

    @property
    def condition(self) -> str | None:
        """The query that says which resource is meant, for a conditional create or update."""
        return self.if_none_exist if self.verb == "POST" else self.query or None


def run_bundle(body: bytes, store: Store, writing: Writing, reading: Reading, *, give_back: bool) -> Json:
    """The transaction-response or batch-response. To be called within ``store.transaction``.

    A Refusal rolls a transaction back; of a batch, it is the answer to its entry. ``give_back``: with the written
    resources in it (``Prefer: return=representation``).
    """
    bundle = loaded(body)
    if bundle["resourceType"] != "Bundle":
        raise _refused("HAPI-0450", "Failed to parse request body: HAPI-1814: Incorrect resource type, expected Bundle")
    kind = bundle.get("type", "transaction")
    if kind not in ("transaction", "batch"):
        raise _refused("HAPI-0527", "Unable to process transaction where incoming Bundle.type is not transaction")
    if not getattr(writing.profile, kind):
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "", f"This server has no {kind}", "not-supported")
    raws = bundle.get("entry") or []
    if kind == "transaction":
        answers = _run(raws, writing, reading, give_back=give_back)
    else:
        answers = [_run_alone(raw, store, writing, reading, give_back=give_back) for raw in raws]
    return {"resourceType": "Bundle", "type": f"{kind}-response", "entry": answers}


def _run_alone(raw: Any, store: Store, writing: Writing, reading: Reading, *, give_back: bool) -> Json:
    try:
        with store.part():
            (answer,) = _run([raw], writing, reading, give_back=give_back)
    except Refusal as refusal:
        status = f"{refusal.status.value} {refusal.status.phrase}"
        return {"response": {"status": status, "outcome": refusal.outcome}}
    return answer


def _run(raws: list[Any], writing: Writing, reading: Reading, *, give_back: bool) -> list[Json]:
    entries = [_entry(index, raw) for index, raw in enumerate(raws)]
    for entry in entries:
        if not writing.profile.conditional_create:
            entry.if_none_exist = None
    _refuse_duplicates(entries)
    written = [_delete(entry, writing) for entry in _of(entries, "DELETE")]
    kept, places = _identify(entries, writing)
    for entry in kept:
        one = _write(entry, places, writing)
        written.append(one)
        entry.answer = _answer(one, one.body if give_back else None, numbered=writing.profile.versions)
    for entry in kept:
        _refuse_mismatch(entry, writing)
    writing.check(written)
    for entry in _of(entries, "GET"):
        entry.answer = _get(entry, reading)
    return [entry.answer for entry in entries if entry.answer]


def _entry(index: int, raw: Any) -> _Entry:
    request = raw.get("request", {}) if isinstance(raw, dict) else {}
    verb, url = request.get("method"), request.get("url", "")
    if verb not in _VERBS:
        text = f"Transaction bundle entry has missing or unsupported HTTP Verb in Bundle.entry({index}).request.method"
        raise _refused("HAPI-0529", text)
    path, _, query = url.lstrip("/").partition("?")
    if "://" in path:
        raise _refused("HAPI-2006", f"Unable to perform {verb}, URL provided is invalid")
    resource = None
    if verb in ("POST", "PUT"):
        if not raw.get("resource"):
            raise _refused("HAPI-0543", f"Missing required resource in Bundle.entry[{index}].resource for {verb}")
        resource = kept_form(as_resource(raw["resource"]))
    full_url, if_match, if_none_exist = raw.get("fullUrl"), request.get("ifMatch"), request.get("ifNoneExist")
    return _Entry(index, verb, path, query, full_url, resource, if_match, if_none_exist)


def _of(entries: list[_Entry], *verbs: str) -> Iterator[_Entry]:
    return (entry for verb in verbs for entry in entries if entry.verb == verb)


def _refuse_duplicates(entries: list[_Entry]) -> None:
    """As HAPI: the same fullUrl twice; and without one of their own, the same id or condition twice."""
    seen: set[str] = set()
    for entry in _of(entries, "POST", "PUT"):
        is_placeholder = bool(entry.full_url and entry.full_url.startswith("urn:"))
        if is_placeholder:
            key, code = str(entry.full_url), "HAPI-0534"
        elif entry.condition:
            key, code = f"{entry.verb} {entry.condition}", "HAPI-2008"
        elif entry.verb == "PUT":
            key, code = entry.path, "HAPI-0535"
        else:
            continue
        if key in seen:
            raise _refused(
                code, f"Transaction bundle contains multiple resources with one ID: Bundle.entry[{entry.index}]"
            )
        seen.add(key)


def _identify(entries: list[_Entry], writing: Writing) -> tuple[list[_Entry], dict[str, str]]:
    """The entries to write, in their order, each with its id; and where each placeholder of the Bundle points."""
    kept: list[_Entry] = []
    places: dict[str, str] = {}
    by_condition: dict[tuple[str, str, str], _Entry] = {}
    for entry in _of(entries, "POST", "PUT"):
        _name(entry, writing)
        meant = entry
        if entry.condition:
            # HAPI drops a later entry with the condition of an earlier one, without a word (hapi-fhir issue 8183).
            meant = by_condition.setdefault((entry.verb, entry.resource_type, entry.condition), entry)
        if meant is entry:
            kept.append(entry)
        if entry.full_url:
            places[entry.full_url] = f"{meant.resource_type}/{meant.resource_id}"
    return kept, places


def _name(entry: _Entry, writing: Writing) -> None:
    """Finds or makes the id of the resource that an entry writes."""
    assert entry.resource is not None  # noqa: S101 - _entry has seen to it
    body_id = entry.resource.get("id")
    entry.resource_type = entry.resource["resourceType"]
    kind, slash, url_id = entry.path.partition("/")
    if kind != entry.resource_type and not (entry.verb == "POST" and not kind):
        raise _refused("HAPI-2616", f"Bundle.entry[{entry.index}]: its URL is not of the correct resource type")
    if entry.verb == "PUT" and not entry.query:
        if not slash or "/" in url_id:
            raise _refused("HAPI-1101", f"Parameter value missing in request: Bundle.entry[{entry.index}].request.url")
        entry.resource_id = url_id  # HAPI takes the URL's id, whatever the body says
        return
    found = None
    if entry.condition and entry.verb == "POST":
        found = writing.the_one(entry.resource_type, entry.condition, "HAPI-0958")
    elif entry.condition:
        found, body_id = writing.to_update(entry.resource, entry.condition, "HAPI-2207")
    entry.matched = found is not None
    entry.resource_id = found or (entry.verb == "PUT" and body_id) or writing.new_id()


def _write(entry: _Entry, places: dict[str, str], writing: Writing) -> Written:
    assert entry.resource is not None  # noqa: S101 - _entry has seen to it
    if entry.verb == "POST" and entry.matched:
        return writing.seen(entry.resource_type, entry.resource_id)
    for reference in references(entry.resource):
        text = reference["reference"]
        if text.startswith("urn:"):
            if text not in places:
                text = f"Unable to satisfy placeholder ID in Bundle.entry[{entry.index}].resource"
                raise _refused("HAPI-0541", text)
            reference["reference"] = places[text]
    method = "POST" if entry.verb == "POST" or (entry.query and not entry.resource.get("id")) else "PUT"
    return writing.put(entry.resource, entry.resource_id, method, entry.if_match)


def _refuse_mismatch(entry: _Entry, writing: Writing) -> None:
    """Refuses a resource that its own condition doesn't find: sent again, it would be written again."""
    if entry.condition and not writing.is_matched(entry.resource_type, entry.resource_id, entry.condition):
        text = "Invalid conditional URL. The given resource is not matched by this URL."
        raise Refusal(HTTPStatus.PRECONDITION_FAILED, "HAPI-0539", text)


def _delete(entry: _Entry, writing: Writing) -> Written:
    kind, slash, identity = entry.path.partition("/")
    if entry.query or not slash:
        raise _refused("HAPI-2006", "The twin deletes by id alone")
    one = writing.delete(kind, identity)
    entry.answer = _answer(one, None, numbered=writing.profile.versions)
    return one


def _get(entry: _Entry, reading: Reading) -> Json:
    try:
        found = reading.get(entry.path, parse_qsl(entry.query, keep_blank_values=True))
    except Refusal as refusal:
        if refusal.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise
        status = f"{refusal.status.value} {refusal.status.phrase}"
        return {"response": {"status": status, "outcome": refusal.outcome}}
    return {"resource": found, "response": {"status": "200 OK"}}


def _answer(one: Written, body: Json | None, *, numbered: bool) -> Json:
    response: Json = {"status": f"{one.status.value} {one.status.phrase}"}
    if one.version is not None and not numbered:
        response["location"] = one.place
    elif one.version is not None:
        # A bare number, as HAPI has it here, and not an ETag.
        response |= {"location": f"{one.place}/_history/{one.version}", "etag": str(one.version)}
    if one.body is not None:
        response["lastModified"] = one.body["meta"]["lastUpdated"]
    return {"response": response} | ({} if body is None else {"resource": body})


def _refused(code: str, text: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, code, text)
