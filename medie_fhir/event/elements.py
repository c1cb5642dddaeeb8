"""Reading one element of a resource by its type: an absent one is None, one of another type is refused by its path.

Two habits of real senders are met half-way, since nothing can be misread by it: a lone object where an array belongs
is an array of one, and an array of one where an object belongs is that object.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from medie_fhir.errors import InvalidDocumentReference
from medie_fhir.model import Json

__all__ = ["ID", "absent_reason", "concept", "identifier", "many", "moment", "one", "period", "string", "version_id"]

ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9._-]{1,128}\Z")
"""A resource id (FHIR R4, datatypes, id), with ``_`` and up to 128 characters, which real servers give too."""

_DAY = r"(?P<day>\d{4}(-\d\d(-\d\d)?)?)"
_SECONDS = r"(?P<seconds>:([0-5]\d|60)(\.\d{1,18})?)?"
_CLOCK = rf"(T(?P<clock>([01]\d|2[0-3]):[0-5]\d{_SECONDS})(?P<zone>Z|[+-](0\d|1[0-4]):[0-5]\d)?)?"
_DATE_TIME = re.compile(_DAY + _CLOCK, re.ASCII)
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def string(parent: Json, name: str) -> str | None:
    """A string element; an empty one, which FHIR doesn't know, is absent."""
    value = parent.get(name)
    if value is None or isinstance(value, str):
        return value or None
    raise InvalidDocumentReference(f"{name} must be a string")


def version_id(text: str | None) -> str | None:
    """A version's id, or None for what is none: then its time alone tells the order."""
    return text if text and ID.match(text) else None


def many(parent: Json, name: str) -> list[Json]:
    """A repeating element of objects."""
    value = parent.get(name)
    values = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) for each in values):
        raise InvalidDocumentReference(f"{name} must be an array of objects")
    return values


def one(parent: Json, name: str) -> Json | None:
    """An element that is an object."""
    values = many(parent, name)
    if len(values) > 1:
        raise InvalidDocumentReference(f"{name} must be one object, not {len(values)}")
    return values[0] if values else None


def moment(parent: Json, name: str) -> str | None:
    """A FHIR dateTime. A time without its zone or its seconds is none in FHIR: of it, the day is kept."""
    value = string(parent, name)
    if value is None:
        return None
    match = _DATE_TIME.fullmatch(value)
    if match is None or not _on_calendar(match["day"]):
        raise InvalidDocumentReference(f"{name} is not a FHIR dateTime")
    if match["clock"] and not (match["zone"] and match["seconds"] and len(match["day"]) == len("2020-01-31")):
        return match["day"]
    return value


def _on_calendar(day: str) -> bool:
    try:
        date.fromisoformat(day + "-01-01"[len(day) - 4 :] if len(day) < len("2020-01-31") else day)
    except ValueError:
        return False
    return True


def period(parent: Json, name: str) -> Json | None:
    """A Period: its start and end."""
    value = one(parent, name) or {}
    ends = {end: moment(value, end) for end in ("start", "end")}
    return {end: at for end, at in ends.items() if at} or None


def concept(value: Json) -> Json:
    """A CodeableConcept without extensions: codings (system, version, code, display) and text."""
    codings = [_strings(coding, "system", "version", "code", "display") for coding in many(value, "coding")]
    kept: Json = {"coding": [coding for coding in codings if coding]} if any(codings) else {}
    return kept | _strings(value, "text")


def identifier(value: Json) -> Json | None:
    """An Identifier without extensions and assigner, or None for one without a value."""
    kept = _strings(value, "use", "system", "value")
    kind = one(value, "type")
    if kind and "value" in kept:
        kept["type"] = concept(kind)
    return kept if kept.get("value", "").strip() else None


def _strings(value: Json, *names: str) -> Json:
    read: dict[str, Any] = {name: string(value, name) for name in names}
    return {name: text for name, text in read.items() if text}


def absent_reason(parent: Json, name: str) -> bool:
    """Whether a data-absent-reason stands in the place of a primitive element (``_data`` beside ``data``)."""
    shadow = parent.get(f"_{name}")
    extensions = shadow.get("extension") if isinstance(shadow, dict) else None
    return isinstance(extensions, list) and any(isinstance(e, dict) and e.get("url") == _ABSENT for e in extensions)
