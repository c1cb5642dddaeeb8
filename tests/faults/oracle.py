"""What must exist at the end, and what does.

Two oracles. :func:`reference` runs the same events, one after another, through the pipeline alone: no broker, no
consumer, no fault. What then stands on its FHIR twin, version by version, and which records it refuses, must be.
:func:`check_against_drawing` knows from the drawing of the events, without the library, what holds of each document.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from corpus import Corpus
from model_stub import MODEL, ModelStub
from notes import answer

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.openai_http import OpenAiHttp
from medie_fhir.configuration import Configuration
from medie_fhir.errors import MedieError, NoteSkipped, Policy
from medie_fhir.model import Json, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest, ModelServer
from medie_fhir.settings import Settings
from medie_fhir.wiring import assemble_pipeline

__all__ = [
    "Known",
    "Letter",
    "Reference",
    "Verdict",
    "check_against_drawing",
    "compare",
    "content",
    "done_in_order",
    "reference",
    "state_of",
]

State = dict[str, list[str]]
"""``Type/id`` → its versions' content, oldest first."""
Letter = tuple[str, str, str]
"""A dead letter: stage, class, and what tells the record (:func:`name_of`)."""

_OURS_BY_THE_CLOCK = ("recorded", "recordedDate", "issued")
_NO_FACTS = frozenset({"DocumentReference", "Provenance", "Device", "Patient", "Binary"})


@dataclass(frozen=True, slots=True)
class Reference:
    """What must be at the end; ``transactions``: how many it took."""

    state: State
    letters: frozenset[Letter]
    transactions: int


@dataclass(slots=True)
class Verdict:
    """How many versions of resources are missing, too many, or not the newest where they should be."""

    lost: int = 0
    duplicated: int = 0
    out_of_order: int = 0

    def __iadd__(self, other: Verdict) -> Verdict:
        self.lost += other.lost
        self.duplicated += other.duplicated
        self.out_of_order += other.out_of_order
        return self


def name_of(key: bytes | None, value: bytes | None) -> str:
    """What tells a record from others: its key, or for one without, its value."""
    return key.decode("latin-1") if key else hashlib.sha256(value or b"").hexdigest()


class Known:
    """A model without a server, that says what the stub says and calls itself the same."""

    def __init__(self, description: ModelDescription) -> None:
        self._description = description

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        text, why = answer(request.messages[-1]["content"].split("Text: ", 1)[1])
        return ModelAnswer(text, why, prompt_tokens=100, completion_tokens=50)

    async def describe(self) -> ModelDescription:
        return self._description


class _Counting(FhirTwin):
    transactions = 0

    async def transact(self, bundle: Json) -> Json:
        done = await super().transact(bundle)
        self.transactions += 1
        return done


async def reference(corpus: Corpus, stub: ModelStub) -> Reference:
    """The end of all events done one after another. Raises AssertionError where that is not what was drawn."""
    async with OpenAiHttp(stub.root, MODEL) as http:
        model = Known(await http.describe())
    return await done_in_order(corpus, model, Settings())


async def done_in_order(corpus: Corpus, model: ModelServer, settings: Settings) -> Reference:
    """The same of any model and settings."""
    twin = _Counting()
    await twin.transact(corpus.seed)
    pipeline = assemble_pipeline(settings, Configuration(settings), model=model, source=twin, target=twin)
    letters: set[Letter] = set()
    refused: dict[int, tuple[str, str]] = {}
    for number, event in enumerate(corpus.events):
        for stage, error, key in await _done(pipeline, event):
            kind = type(error).__name__
            refused[number] = (stage, kind)
            letters.add((stage, kind, key))
    assert refused == corpus.refused, "the pipeline alone refuses other records than were drawn to be refused"
    state = state_of(twin)
    wrong = check_against_drawing(twin, corpus)
    assert wrong == Verdict(), f"the pipeline alone does not come to what was drawn: {wrong}"
    return Reference(state, frozenset(letters), twin.transactions)


async def _done(pipeline: Pipeline, event: Any) -> list[tuple[str, Exception, str]]:
    """Do one event at both stages; the first error of each record, as it must come to the dead letters."""
    failures: list[tuple[str, Exception, str]] = []
    here = name_of(event.key, event.value)
    try:
        events = await pipeline.events(event.value, event.key, timestamp_ms=event.timestamp_ms)
    except MedieError as error:
        return [("extract", error, here)]
    for each in events:
        try:
            if not isinstance(each, NoteEvent):
                raise each
            record = await pipeline.extract(each)
        except NoteSkipped:
            continue
        except MedieError as error:
            if error.policy is not Policy.DEAD_LETTER:
                raise
            failures = failures or [("extract", error, here)]
            continue
        try:
            await pipeline.publish(pipeline.record(record.to_json().encode()))
        except MedieError as error:
            failures.append(("publish", error, record.document.key))
    return failures


def state_of(twin: FhirTwin) -> State:
    """All versions of all resources on a twin."""
    with twin._store.lock:
        rows = twin._store._db.execute("SELECT type, id, body FROM version ORDER BY type, id, number").fetchall()
    state: State = defaultdict(list)
    for resource_type, resource_id, body in rows:
        state[f"{resource_type}/{resource_id}"].append(content(None if body is None else json.loads(body)))
    return dict(state)


def content(resource: Json | None) -> str:
    """What a version says, without what the clock of the moment wrote into it; None is a deletion."""
    if resource is None:
        return "deleted"
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    if "source" in meta:
        meta["source"] = meta["source"].partition("#")[0]
    kept = {name: value for name, value in resource.items() if name not in ("meta", *_OURS_BY_THE_CLOCK)}
    return json.dumps([meta, kept], sort_keys=True)


def compare(expected: State, seen: State) -> Verdict:
    """Versions that are missing, that are too many, and resources whose last version is not the last that should be.

    Also out of order: a copy of a document whose date goes back from one version to the next.
    """
    verdict = Verdict()
    for place in expected.keys() | seen.keys():
        should, is_ = expected.get(place, []), seen.get(place, [])
        verdict.lost += (Counter(should) - Counter(is_)).total()
        verdict.duplicated += (Counter(is_) - Counter(should)).total()
        dates = [json.loads(version)[1].get("date", "") for version in is_ if place.startswith("DocumentReference/")]
        verdict.out_of_order += bool(should and is_ and should[-1] != is_[-1]) or dates != sorted(dates)
    return verdict


def check_against_drawing(twin: FhirTwin, corpus: Corpus) -> Verdict:
    """What holds of each document against what was drawn: a value that is missing, twice, or of another version."""
    names = {
        identifier["value"].rpartition("|DocumentReference/")[2]: f"DocumentReference/{copy['id']}"
        for copy in twin.current("DocumentReference")
        for identifier in copy.get("identifier", ())
    }
    standing: dict[str, list[str]] = defaultdict(list)
    for resource in twin.current():
        if resource["resourceType"] not in _NO_FACTS and not _in_error(resource):
            standing[resource["meta"]["source"].partition("#")[0]].append(json.dumps(resource))
    verdict = Verdict()
    for document, values in corpus.holds.items():
        found = standing.pop(names.get(document, ""), [])
        said = sum(any(json.dumps(value)[1:-1].casefold() in text.casefold() for text in found) for value in values)
        verdict.lost += len(values) - said
        verdict.out_of_order += len(found) > said
    verdict.duplicated += sum(map(len, standing.values()))  # of documents that nobody told of, or that were refused
    return verdict


def _in_error(resource: Json) -> bool:
    codings = resource.get("verificationStatus", {}).get("coding", [{}])
    return "entered-in-error" in (resource.get("status"), codings[0].get("code"))
