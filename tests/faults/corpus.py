"""The events of a row: lives of documents, drawn by a seed, and what must hold when all of them are done.

A life is created, amended, repeated word for word, told late, taken back, deleted, revived, replaced by another.
All events of a life (and of what replaces it) have one key, so their order is one that Kafka keeps. Between them come
records that can't be helped (poison), each with the class that must refuse it.

Nothing here asks the library: what holds is known from what was drawn.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from notes import CANCERS, DETAILS, GARBAGE, SENTINELS, note

__all__ = ["Corpus", "Event", "draw"]

NAME, TEXT, _ = SENTINELS
Json = dict[str, Any]

_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_APART = timedelta(hours=2)  # above the hour that a deletion's clock may be behind (docs/events.md)
_EVENTS_A_DOCUMENT = 6
_POISON_SHARE = 0.06
_MOVES = 6 * ["amend"] + 3 * ["repeat"] + ["entered-in-error", "superseded", "nothing", "spoil", "binary", "replace"]
_HUGE_BYTES = 5_200_000
_NOT_UTF8 = (("x-sender", b"\xff\xfe\x80"),)


@dataclass(frozen=True, slots=True)
class Event:
    """A Kafka record to be written."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(slots=True)
class Corpus:
    """Events in their order, and what is known of them.

    ``holds``: by document, the values that hold at the end. ``refused``: by its place in ``events``, the stage and the
    class of each record that must be refused. ``seed``: what the FHIR server holds beforehand.
    """

    events: list[Event] = field(default_factory=list)
    holds: dict[str, frozenset[str]] = field(default_factory=dict)
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)
    seed: Json = field(default_factory=dict)


def draw(count: int, seed: int, poison_share: float = _POISON_SHARE) -> Corpus:
    """About ``count`` events (at least as many) of a document for each six."""
    return _Draw(count, seed, poison_share).corpus


class _Draw:
    def __init__(self, count: int, seed: int, poison_share: float) -> None:
        self.random = random.Random(seed)
        self.corpus = Corpus()
        self.binaries: list[Json] = []
        self.now = _BEGIN
        lives = [self._life(f"d{n}") for n in range(max(10, count // _EVENTS_A_DOCUMENT))]
        poisons = self._poisons()
        while len(self.corpus.events) < count:
            self.now += _APART
            if self.random.random() < poison_share:
                next(poisons)
            else:
                next(self.random.choice(lives))
        people = [{"resourceType": "Patient", "id": f"p{n}"} for n in range(5)]
        self.corpus.seed = _put([*people, *self.binaries])

    # --- lives --------------------------------------------------------------------------------------------------------

    def _life(self, name: str) -> Iterator[None]:
        """One event at a time, for ever."""
        key = f"DocumentReference/{name}".encode()
        told: list[Event] = []  # the valid ones, to be told again
        documents, version = [name], 0

        def tell(event: Event, **holds: frozenset[str]) -> None:
            told.append(event)
            self.corpus.events.append(event)
            self.corpus.holds.update(holds)

        while True:
            version += 1
            now, values = documents[-1], self._values()
            moves = [*_MOVES, *(["delete"] if len(documents) == 1 else [])]  # a deletion's key must name its document
            move = "amend" if version == 1 else self.random.choice(moves)
            text = note(values, f"{now} version {version}")
            if move == "repeat":
                self.corpus.events.append(self.random.choice(told))
            elif move == "spoil":
                self._spoil(key, now, version, values)
            elif move == "nothing":
                tell(self._event(key, now, version, "A torn meniscus. " + NAME), **{now: frozenset()})
            elif move in ("entered-in-error", "superseded"):
                tell(self._event(key, now, version, text, status=move), **{now: frozenset()})
            elif move == "delete":
                tell(Event(key, None, self._ms()), **{now: frozenset()})
            elif move == "binary":
                tell(self._event(key, now, version, attachment=self._binary(text)), **{now: values})
            elif move == "replace":
                documents.append(f"{name}-{len(documents)}")
                by = [{"code": "replaces", "target": {"reference": f"DocumentReference/{now}"}}]
                event = self._event(key, documents[-1], version, text, relatesTo=by)
                tell(event, **{documents[-2]: frozenset(), documents[-1]: values})
            else:
                tell(self._event(key, now, version, text), **{now: values})
            yield

    def _spoil(self, key: bytes, name: str, version: int, values: frozenset[str]) -> None:
        """A version that can't be read: what was known of the document goes on to hold."""
        if self.random.random() < 0.5:
            mark = self.random.choice(list(GARBAGE))
            event = self._event(key, name, version, note(values, f"{name} version {version}", mark))
            self._refuse(event, "extract", "ModelOutputError")
        else:
            wrong = {"digest": base64.b64encode(hashlib.sha1(NAME.encode()).digest()).decode()}
            self._refuse(
                self._event(key, name, version, note(values, f"{name} spoilt {version}"), **wrong),
                "extract",
                "HashMismatch",
            )

    def _values(self) -> frozenset[str]:
        chosen = [self.random.choice(CANCERS)]
        chosen += [self.random.choice(each) for each in DETAILS if self.random.random() < 0.5]
        return frozenset(chosen)

    # --- poison -------------------------------------------------------------------------------------------------------

    def _poisons(self) -> Iterator[None]:
        """One record that must be refused (or is odd and must not be) at a time, kind after kind, for ever."""
        number = 0
        while True:
            for kind in _KINDS:
                number += 1
                kind(self, f"x{number}", self._values())
                yield

    def _refuse(self, event: Event, stage: str, kind: str) -> None:
        self.corpus.refused[len(self.corpus.events)] = (stage, kind)
        self.corpus.events.append(event)

    # --- parts --------------------------------------------------------------------------------------------------------

    def _ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    def _binary(self, text: str) -> Json:
        resource = {"resourceType": "Binary", "id": f"b{len(self.binaries)}", "contentType": "text/plain"}
        self.binaries.append({**resource, "data": _encoded(text)})
        return {"contentType": "text/plain", "url": f"Binary/{resource['id']}"}

    def _event(
        self, key: bytes | None, name: str, version: int, text: str = "", *, attachment: Json | None = None,
        digest: str | None = None, **more: Any,
    ) -> Event:  # fmt: skip
        """A DocumentReference; ``more`` adds elements, or with None takes them away."""
        moment = self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        given = attachment or {"contentType": "text/plain", "data": _encoded(text)}
        resource: Json = {
            "resourceType": "DocumentReference",
            "id": name,
            "meta": {"versionId": str(version), "lastUpdated": moment},
            "status": "current",
            "date": moment,
            "description": TEXT,
            "subject": {"reference": f"Patient/p{sum(name.encode()) % 5}", "display": NAME},
            "author": [{"reference": "Practitioner/1", "display": NAME}],
            "content": [{"attachment": given | ({"hash": digest} if digest else {})}],
        }
        kept = {name: value for name, value in (resource | more).items() if value is not None}
        headers = _NOT_UTF8 if self.random.random() < 0.02 else ()
        return Event(key, json.dumps(kept).encode(), self._ms() + 2000, headers)


Kind = Callable[[_Draw, str, frozenset[str]], None]


def _keyed(name: str) -> bytes:
    return f"DocumentReference/{name}".encode()


def _spoilt(stage: str, kind: str, *, text: str = "", **more: Any) -> Kind:
    """A poison that is a DocumentReference with something wrong in it."""

    def poison(drawing: _Draw, name: str, values: frozenset[str]) -> None:
        event = drawing._event(_keyed(name), name, 1, text or note(values, name), **more)
        drawing._refuse(event, stage, kind)

    return poison


def _raw(kind: str, value: bytes, *, keyed: bool = True, headers: tuple[tuple[str, bytes], ...] = ()) -> Kind:
    """A poison that is no DocumentReference at all."""

    def poison(drawing: _Draw, name: str, values: frozenset[str]) -> None:
        unlike_others = value.replace(b"NUMBER", name.encode())
        drawing._refuse(Event(_keyed(name) if keyed else None, unlike_others, drawing._ms(), headers), "extract", kind)

    return poison


def _garbled(drawing: _Draw, name: str, values: frozenset[str]) -> None:
    mark = list(GARBAGE)[len(drawing.corpus.refused) % len(GARBAGE)]
    event = drawing._event(_keyed(name), name, 1, note(values, name, mark))
    drawing._refuse(event, "extract", "ModelOutputError")


def _huge(drawing: _Draw, name: str, values: frozenset[str]) -> None:
    """One a corpus: larger than a note may be, and than our own topics take."""
    if any(kind == "ContentTooLarge" for _, kind in drawing.corpus.refused.values()):
        return _KINDS[0](drawing, name, values)
    text = note(values, name) + "x" * _HUGE_BYTES
    return drawing._refuse(drawing._event(_keyed(name), name, 1, text), "extract", "ContentTooLarge")


def _without_key(drawing: _Draw, name: str, values: frozenset[str]) -> None:
    """No poison: a good note whose record has no key, and a header that is no text."""
    event = drawing._event(None, name, 1, note(values, name))
    drawing.corpus.events.append(Event(None, event.value, event.timestamp_ms, _NOT_UTF8))
    drawing.corpus.holds[name] = values


def _attached(content_type: str, data: str) -> Json:
    return {"contentType": content_type, "data": data}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


_CDA = f'<ClinicalDocument xmlns="urn:hl7-org:v3"><component><text>lung cancer {TEXT}'
_KINDS: tuple[Kind, ...] = (
    _raw("NotJson", f'{{"NUMBER": "{NAME}'.encode()),
    _raw("NotJson", b"\xff\xfe NUMBER " + NAME.encode(), keyed=False, headers=_NOT_UTF8),
    _raw(
        "UnknownEventShape",
        json.dumps({"resourceType": "Patient", "id": "NUMBER", "name": [{"family": NAME}]}).encode(),
    ),
    _spoilt("extract", "UnsupportedFhirVersion", docStatus={"text": NAME}),
    _spoilt("extract", "NoSubject", subject=None),
    _spoilt("extract", "UnidentifiedDocument", id=None),
    _spoilt("extract", "BrokenBase64", attachment=_attached("text/plain", f"!{NAME}!")),
    _spoilt("extract", "ForbiddenUrl", attachment={"contentType": "text/plain", "url": f"https://evil.example/{NAME}"}),
    _spoilt("extract", "ContentNotFound", attachment={"contentType": "text/plain", "url": "Binary/nowhere"}),
    _spoilt("extract", "HashMismatch", digest=base64.b64encode(hashlib.sha1(NAME.encode()).digest()).decode()),
    _spoilt(
        "extract",
        "UndecodableText",
        attachment=_attached("text/plain; charset=utf-8", _encoded(f"{NAME} stage III\x00B")),
    ),
    _spoilt("extract", "MalformedMarkup", attachment=_attached("text/xml", _encoded(_CDA))),
    _garbled,
    _spoilt("publish", "SubjectMissing", subject={"reference": "Patient/stranger-1", "display": NAME}),
    _huge,
    _without_key,
)


def _put(resources: list[Json]) -> Json:
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
