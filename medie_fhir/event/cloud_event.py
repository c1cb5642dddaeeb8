"""A CloudEvent 1.0 → what it is about: an envelope around any other shape, or a document named and no more.

Sources: https://github.com/cloudevents/spec, ``spec.md``, ``bindings/kafka-protocol-binding.md`` (binary and structured
mode) and ``formats/json-format.md`` (structured and batch). ``source`` and ``id`` are required and not used: which
document it is must not hang on the envelope that it came in.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from medie_fhir.errors import EventError, UnknownEventShape
from medie_fhir.event import document_reference, reference, tombstone
from medie_fhir.event.elements import moment
from medie_fhir.event.headers import Headers, text
from medie_fhir.event.json_value import load
from medie_fhir.event.references import literal
from medie_fhir.model import EventKind, Json, NoteEvent

__all__ = ["CloudEvent", "Mode", "from_headers", "from_json", "is_cloud_event", "mode", "read"]

Events = tuple[NoteEvent | EventError, ...]

_REQUIRED = ("specversion", "type", "source", "id")
_FORMATS = "application/cloudevents"
_JSON = re.compile(r"[^/\s]+/([^/\s]+\+)?json|application/json\+fhir")  # the last is DSTU2's name, which lives on
_DELETION = re.compile(r"(?<!un)deleted?([._:/-]?v\d{1,9}(\.\d{1,9})*)?\Z", re.IGNORECASE)


class Mode(Enum):
    """Where a CloudEvent's attributes stand."""

    BINARY = "in the headers"
    STRUCTURED = "in the value"
    BATCH = "in each item of the value"


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """What is used of a CloudEvent. ``time`` is a FHIR dateTime, or None; ``data`` is None where there is none."""

    type: str
    subject: str | None = None
    time: str | None = None
    data: Json | None = None

    @property
    def deletes(self) -> bool:
        """Whether the type says that something is gone: it ends in ``delete`` or ``deleted``, but for a version."""
        return _DELETION.search(self.type) is not None


def mode(headers: Headers) -> Mode | None:
    """How the headers say that the record is a CloudEvent; None where they don't.

    Raises UnknownEventShape for an event format other than JSON, and for a content-type that says two things.
    """
    named = {name.lower() for name, _ in headers}
    binary = any(f"ce_{name}" in named for name in _REQUIRED)
    media_types = {
        _media_type(value.decode("latin-1")) for name, value in headers if name.lower() == "content-type" and value
    }
    if not any(media_type.startswith(_FORMATS) for media_type in media_types):
        return Mode.BINARY if binary else None
    if media_types == {f"{_FORMATS}+json"}:
        return Mode.STRUCTURED
    if media_types == {f"{_FORMATS}-batch+json"}:
        return Mode.BATCH
    raise UnknownEventShape(f"content-type is of CloudEvents, and neither {_FORMATS}+json nor {_FORMATS}-batch+json")


def from_headers(headers: Headers, value: bytes | None) -> CloudEvent:
    """A CloudEvent in binary mode: its data is the record's value, of which content-type tells the type.

    Raises UnknownEventShape by the name of the header in the wrong, NotJson for data that is none.
    """
    required = {name: text(headers, f"ce_{name}", required=True) or "" for name in _REQUIRED}
    _supported(required["specversion"])
    content_type = text(headers, "content-type")
    if value and content_type and not _is_json(content_type):
        raise UnknownEventShape("the content-type of a CloudEvent's data is not JSON")
    return CloudEvent(
        type=required["type"],
        subject=text(headers, "ce_subject"),
        time=_time({"time": text(headers, "ce_time")}),
        data=load(value) if value else None,
    )


def is_cloud_event(parsed: Json) -> bool:
    """Whether a JSON object is a CloudEvent by its shape, a faulty one included."""
    return "specversion" in parsed and "resourceType" not in parsed


def from_json(parsed: object) -> CloudEvent:
    """A CloudEvent in the JSON event format. Raises UnknownEventShape by the name of the attribute in the wrong."""
    if not isinstance(parsed, dict):
        raise UnknownEventShape("an item of a batch of CloudEvents is not an object")
    for name in _REQUIRED:
        if not (isinstance(parsed.get(name), str) and parsed[name]):
            raise UnknownEventShape(f"the attribute {name} of a CloudEvent is missing or not a string")
    _supported(parsed["specversion"])
    for name in ("subject", "datacontenttype"):
        if not isinstance(parsed.get(name), str | None):
            raise UnknownEventShape(f"the attribute {name} of a CloudEvent is not a string")
    return CloudEvent(type=parsed["type"], subject=parsed.get("subject"), time=_time(parsed), data=_data(parsed))


def read(
    event: CloudEvent,
    content: Callable[[Json, str | None], Events],
    key: bytes | None,
    timestamp: str | None,
    source: str | None,
) -> Events:
    """The events of what is in it, which ``content`` reads; without data, of the document that its subject names.

    A deletion is one of the document that the subject names, else of those in the data (which are then their last
    state, or their names, and no notes), else of the one that the record's key names. Its time is the CloudEvent's
    own, else the record's. Raises any EventError.
    """
    at = event.time or timestamp
    found = literal(event.subject) if event.subject else None
    named = found if found and found[1] == "DocumentReference" else None
    if event.deletes and named:
        return (tombstone.deletion(named[0], at, source, named[2]),)
    if event.data is not None:
        if is_cloud_event(event.data):
            raise UnknownEventShape("a CloudEvent within a CloudEvent")
        if event.deletes and event.data.get("resourceType") == "DocumentReference":
            return (document_reference.gone(event.data, at, source),)
        events = content(event.data, at)
        return tuple(_deletion(each, at) for each in events) if event.deletes else events
    if event.deletes:
        return (tombstone.read(key, at, source),)
    if named:
        return (reference.read({"reference": event.subject}, source),)
    raise UnknownEventShape("a CloudEvent without data, whose subject names no DocumentReference")


def _deletion(event: NoteEvent | EventError, at: str | None) -> NoteEvent | EventError:
    if isinstance(event, EventError) or event.kind is EventKind.RETRACTION:
        return event
    document = event.document
    at = at or document.version.last_updated
    return tombstone.deletion(document.reference, at, document.source, document.version.version_id)


def _supported(version: str) -> None:
    if version != "1.0":
        raise UnknownEventShape("the specversion of a CloudEvent is not 1.0")


def _time(attributes: Json) -> str | None:
    with suppress(EventError):  # it only orders deletions, and for these the record's time will do
        return moment(attributes, "time")
    return None


def _data(parsed: Json) -> Json | None:
    data, encoded, content_type = (parsed.get(name) for name in ("data", "data_base64", "datacontenttype"))
    if data is not None and encoded is not None:
        raise UnknownEventShape("a CloudEvent with both data and data_base64")
    if data is None and encoded is None:
        return None
    if content_type and not _is_json(content_type):
        raise UnknownEventShape("the datacontenttype of a CloudEvent is not JSON")
    if encoded is not None:
        return load(_decoded(encoded)) if encoded else None
    if not isinstance(data, dict):
        raise UnknownEventShape("the data of a CloudEvent is not an object; send JSON as it is, and not as a string")
    return data


def _decoded(encoded: object) -> bytes:
    if isinstance(encoded, str):
        with suppress(binascii.Error, ValueError):  # ValueError: not ASCII
            return base64.b64decode(encoded, validate=True)
    raise UnknownEventShape("the data_base64 of a CloudEvent is not base64")


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _is_json(content_type: str) -> bool:
    return _JSON.fullmatch(_media_type(content_type)) is not None
