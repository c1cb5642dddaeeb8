"""What may be told of an OperationOutcome (https://hl7.org/fhir/R4/operationoutcome.html). Pure.

A server's own words never reach an error's message. HAPI quotes the refused value in ``issue.diagnostics`` (``Unknown
AdministrativeGender code '…'``), which may be PHI. Kept are only the issue's code, HAPI's error number, the element's
path, and for a missing reference the type of its target, each only where it has exactly the expected shape; and which
entry of our own Bundle it is about, by its place, its type, and the id that we made for it. Of the target, the id is
told where we made it; that of a Patient, or of anything else that is not written by us, may be a medical record number.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from medie_fhir.fhir_names import RESOURCE_TYPES
from medie_fhir.model import Json

__all__ = ["entry_name", "outcome_of", "resource_name", "said"]

_HAPI = re.compile(r"HAPI-\d{4}")
_ISSUE_CODE = re.compile(r"[a-z]+(-[a-z]+)*")
_STEP = r"[A-Za-z]+(\[\d+\])?(\.ofType\([A-Za-z]+\))?"
_PATH = re.compile(rf"{_STEP}(\.{_STEP})*")
_ASIDE = re.compile(r"/\*[^*]*\*/")  # the validator's own: Bundle.entry[0].resource/*Condition/c1*/.code
_MISSING = re.compile(r"HAPI-109[46]: Resource ([A-Za-z]+)/([A-Za-z0-9\-.]{1,64}) (?:not found|is deleted),")
_SPECIFIED = re.compile(r"([A-Za-z]+/[A-Za-z0-9\-.]{1,64}) [a-z ]+, specified in path: ([A-Za-z]+)\.")
_PLACE = re.compile(r"(?:[A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?![A-Za-z0-9\-.])")
_FHIRPATH_ENTRY = re.compile(r"Bundle\.entry\[(\d{1,9})\]")
_XPATH_ENTRY = re.compile(r"/?(?:f:)?Bundle/(?:f:)?entry\[(\d{1,9})\]")
_PART = r"(?:-\d{1,4})?"  # of a fact that became several resources
_UUID = re.compile(rf"[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}{_PART}")
_UUID5 = re.compile(rf"[0-9a-f]{{8}}-[0-9a-f]{{4}}-5[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}{_PART}")
_OF_PEOPLE = frozenset({"Encounter", "Patient", "Person", "Practitioner", "RelatedPerson"})
_WRITTEN = frozenset({"Condition", "Device", "DocumentReference", "Observation", "Provenance", "Task"})
_MOST_NAMED = 3
_MOST_XML = 1_000_000  # characters; an OperationOutcome is a few thousand


def outcome_of(body: bytes) -> Json | None:
    """The OperationOutcome in a body; also where it came as XML, for a server may not heed what was asked for."""
    try:
        outcome = json.loads(body)
    except (ValueError, RecursionError):
        return _outcome_in_xml(body[:_MOST_XML].decode("utf-8", "replace"))
    return outcome if isinstance(outcome, dict) and outcome.get("resourceType") == "OperationOutcome" else None


_XML_ISSUE = re.compile(r"<issue>(.*?)</issue>", re.DOTALL)
_XML_VALUE = re.compile(r'<(severity|code|diagnostics|text|expression|location)\s+value="([^"]*)"')


def _outcome_in_xml(text: str) -> Json | None:
    """The parts of an XML OperationOutcome that :func:`said` looks at. No parser is let loose on a stranger's XML."""
    if not re.match(r"\s*(<\?xml[^>]*>)?\s*<OperationOutcome\b", text.removeprefix("\ufeff")):
        return None
    issues: list[Json] = []
    for block in _XML_ISSUE.findall(text):
        issue: Json = {"expression": []}
        for name, value in _XML_VALUE.findall(block):
            if name in ("expression", "location"):
                issue["expression"].append(html.unescape(value))
            else:  # of code, the issue's own comes before its details'
                issue.setdefault(name, html.unescape(value))
        issues.append({**issue, "details": {"text": issue.get("text")}})
    return {"resourceType": "OperationOutcome", "issue": issues}


def said(outcome: Json | None, bundle: Json | None = None) -> list[str]:
    """The parts of an OperationOutcome that can hold no free text, each once, in order.

    ``bundle``: what was sent; its entry that an issue is about is named, too.
    """
    parts: dict[str, None] = {}
    for issue in _objects((outcome or {}).get("issue")):
        if issue.get("severity") in ("information", "warning"):
            continue
        code = issue.get("code")
        if isinstance(code, str) and _ISSUE_CODE.fullmatch(code):
            parts[code] = None
        details = issue.get("details")
        text = f"{issue.get('diagnostics')} {details.get('text') if isinstance(details, dict) else None}"
        parts.update(dict.fromkeys(_HAPI.findall(text)))
        for missing in _MISSING.finditer(text):
            if missing[1] in RESOURCE_TYPES:
                parts[f"missing {_target(missing[1], missing[2], bundle or {})}"] = None
        paths = [*_strings(issue.get("expression")), *_strings(issue.get("location"))]
        for path in [_ASIDE.sub("", path) for path in paths]:
            if _PATH.fullmatch(path):
                parts[f"at {path}"] = None
        parts.update(dict.fromkeys(_named(_entries(text, paths, bundle or {}), bundle or {})))
    return list(parts)


def entry_name(bundle: Json, number: int) -> str:
    """``entry 3, Condition/{uuid}``: an entry's place, counted from 0 as in ``Bundle.entry[3]``, its type and its id.

    See :func:`resource_name`.
    """
    name = resource_name(_objects(bundle.get("entry"))[number])
    return f"entry {number}, {name}" if name else f"entry {number}"


def resource_name(entry: Json) -> str:
    """``Condition/{uuid}``: type and id of what an entry writes. An id that is not of our making is left out.

    So is a Patient's, which we may make of its identifier alone; an entry of no known type has no name.
    """
    kind, identity = _identity(entry)
    if kind not in RESOURCE_TYPES:
        return ""
    ids = [identity, str(entry.get("fullUrl", "")).rpartition("/")[2].removeprefix("urn:uuid:")]
    ours = next((id_ for id_ in ids if _UUID.fullmatch(id_)), None)
    return kind if ours is None or kind in _OF_PEOPLE else f"{kind}/{ours}"


def _target(kind: str, identity: str, bundle: Json) -> str:
    """What may be told of a reference's target: its id only where we have made it."""
    written = _WRITTEN.union(_identity(entry)[0] for entry in _objects(bundle.get("entry"))) - _OF_PEOPLE
    return f"{kind}/{identity}" if kind in written and _UUID5.fullmatch(identity) else kind


def _named(numbers: list[int], bundle: Json) -> Iterator[str]:
    yield from (entry_name(bundle, number) for number in numbers[:_MOST_NAMED])
    if len(numbers) > _MOST_NAMED:
        yield f"and {len(numbers) - _MOST_NAMED} entries more"


def _entries(text: str, paths: list[str], bundle: Json) -> list[int]:
    """Which entries an issue is about: as its paths say, or else by what its text says of references, or of ids."""
    entries = _objects(bundle.get("entry"))
    by_path = {int(found[1]) for path in paths if (found := _FHIRPATH_ENTRY.match(path))}
    by_path |= {int(found[1]) - 1 for path in paths if (found := _XPATH_ENTRY.match(path))}
    if here := by_path.intersection(range(len(entries))):
        return sorted(here)
    refused = set(_SPECIFIED.findall(text))
    referring = [n for n, entry in enumerate(entries) if _refers(entry.get("resource"), refused, text)]
    if referring:
        return referring
    places = {place.rstrip(".") for place in _PLACE.findall(text)}
    return [n for n, entry in enumerate(entries) if "/".join(_identity(entry)) in places]


def _refers(resource: Any, refused: set[tuple[str, str]], text: str) -> bool:
    """Whether a resource holds a reference that was refused: one named with the type it stands in, or a search."""
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    return any((r, kind) in refused or ("?" in r and r in text) for r in _references(resource))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from _references(child)


def _identity(entry: Json) -> tuple[str, str]:
    """Type and id of what an entry writes or deletes; empty where it has none."""
    request, resource = entry.get("request"), entry.get("resource")
    url = str(request.get("url", "")) if isinstance(request, dict) else ""
    kind, _, identity = url.partition("?")[0].partition("/")
    if isinstance(resource, dict):
        return str(resource.get("resourceType")), identity or str(resource.get("id", ""))
    return kind, identity


def _objects(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
