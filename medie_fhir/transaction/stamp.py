"""A fact's stamp: the digest of its clinical content as we wrote it, by which an edit of someone else shows.

It stands in an ``identifier`` of the resource, under a system of its own: what a server keeps with the content it is
of, what a client that reads, changes and writes back carries along, and what every profile leaves open (docs/adr/0008).

A server may say the same in other words, so the digest hangs on none of them: the order of keys and of arrays, meta,
narrative, identifiers, a display beside what it shows, a Coding's version, absolute or relative references, the
spelling of an instant or a number, the times of recording and issuing. Of extensions, those that the engine adds
(evidence, confidence) are left out; for the others there are two digests, with and without, since a server may drop
them. Whose it is has a digest of its own: a server that merges two patients rewrites all that was the retired one's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Any

from medie_fhir.model import Json
from medie_fhir.transaction.identity import BASE

__all__ = ["SYSTEM", "instant", "is_as_written", "relative", "stamp_of", "stamped", "subject_of"]

SYSTEM = f"{BASE}/content"
_SCHEME = "v1"
"""Changes with every change to what is digested: a stamp of another scheme says nothing."""
_DIGITS = 32  # of SHA-256, in hexadecimal: edits are found by it, not forgeries

_NOT_CLINICAL = frozenset("id meta implicitRules language text identifier recordedDate issued".split())  # noqa: SIM905 - reads best as words
_WHOSE = frozenset({"subject", "patient"})
_COMMENTS = "fhir_comments"
_CODING = frozenset({"system", "code", "display", "version", "userSelected"})
_ENGINES = frozenset(
    {
        "http://hl7.org/fhir/StructureDefinition/derivation-reference",
        "http://hl7.org/fhir/uv/aitransparency/StructureDefinition/AIconfidence",
    }
)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_SHORTEST_INSTANT = len("2026-01-01T00:00:00Z")
_REFERENCE = re.compile(r"(?:https?://.+/)?([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/.+)?")


def stamped(resource: Json) -> Json:
    """The same resource with the stamp of its content; an earlier one is replaced."""
    others = [i for i in resource.get("identifier", ()) if i.get("system") != SYSTEM]
    return {**resource, "identifier": [*others, {"use": "secondary", "system": SYSTEM, "value": stamp_of(resource)}]}


def stamp_of(resource: Json) -> str:
    """The stamp of a resource's content as it is: scheme, digest without extensions, with them, of whose it is."""
    return ".".join((_SCHEME, *_digests(resource)))


def is_as_written(resource: Json, whose: Collection[str | None] = ()) -> bool | None:
    """Whether a resource's content is what its stamp says; None where it has no stamp that we can read.

    ``whose``: references of subjects that it may have come to be of since.
    """
    stamps = {i.get("value", "") for i in resource.get("identifier", ()) if i.get("system") == SYSTEM}
    if len(stamps) > 1:
        return False  # we leave one
    match "".join(stamps).split("."):
        case [scheme, bare, whole, subject] if scheme == _SCHEME:
            now_bare, now_whole, now_subject = _digests(resource)
            were_dropped = now_bare == now_whole  # no extension stands, so none was added
            is_same = now_whole == whole or (were_dropped and now_bare == bare)
            return is_same and (now_subject == subject or subject_of(resource) in whose)
    return None


def subject_of(resource: Json) -> str | None:
    """The literal reference, ``Type/id`` where it can be, to whom a resource is about."""
    subject = resource.get("subject") or resource.get("patient") or {}
    return relative(subject["reference"]) if subject.get("reference") else None


def relative(reference: str) -> str:
    """``Type/id`` for a reference to a resource, absolute or of a version or not; any other as it is."""
    found = _REFERENCE.fullmatch(reference)
    return found[1] if found else reference


def _digests(resource: Json) -> tuple[str, str, str]:
    whose = {k: v for k, v in resource.items() if k in _WHOSE}
    content = {k: v for k, v in resource.items() if k not in _WHOSE and k.removeprefix("_") not in _NOT_CLINICAL}
    whole = _text(content, extensions=True)
    extended = '"extension":' in whole or '"_' in whole
    bare = _text(content, extensions=False) if extended else whole
    return _digest(bare), _digest(whole), _digest(_text(whose, extensions=False))


def _digest(text: str) -> str:
    return hashlib.sha256((text or "null").encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _text(value: Any, *, extensions: bool) -> str:
    """A value as JSON, in the one form that all its spellings share; nothing for what is empty."""
    if isinstance(value, str):
        return encode_basestring(instant(value)) if value else ""
    if isinstance(value, dict):
        return _object(value, extensions=extensions)
    if isinstance(value, list):
        items = sorted([text for item in value if (text := _text(item, extensions=extensions))])
        return f"[{','.join(items)}]" if items else ""
    if value is None:
        return ""
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


def _object(value: Json, *, extensions: bool) -> str:
    if isinstance(value.get("reference"), str):
        value = {k: relative(v) if k == "reference" else v for k, v in value.items() if _is_of_reference(k)}
    elif isinstance(value.get("code"), str) and all(map(_is_of_coding, value)):
        value = {k: v for k, v in value.items() if k not in ("version", "userSelected")}
    said = {}
    for key, part in value.items():
        if key == _COMMENTS or (not extensions and _is_extension(key)):
            continue
        counts = [e for e in part if e.get("url") not in _ENGINES] if key == "extension" else part
        if text := _text(counts, extensions=extensions):
            said[key] = text
    if len(said) > 1:  # a display alone is all that is said
        said.pop("display", None)
    return f"{{{','.join([f'{encode_basestring(k)}:{said[k]}' for k in sorted(said)])}}}" if said else ""


def _is_of_reference(key: str) -> bool:
    return key == "reference" or _is_extension(key)


def _is_of_coding(key: str) -> bool:
    return key in _CODING or key == _COMMENTS or _is_extension(key)


def _is_extension(key: str) -> bool:
    """``modifierExtension`` is none that may be dropped: it changes what the rest means."""
    return key == "extension" or key.startswith("_")


def instant(text: str) -> str:
    """An instant in UTC, so that all its spellings are one; any other text as it is."""
    if len(text) < _SHORTEST_INSTANT or not _INSTANT.fullmatch(text):
        return text
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return text
