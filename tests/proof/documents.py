"""The documents that the rows are made of, drawn by a seed; a row's ``source`` keeps them apart from all others.

Notes and the model's answers to them are those of the fault suite (tests/faults/notes.py).
"""

from __future__ import annotations

import base64
import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from corpus import Corpus, Event, draw
from notes import CANCERS, DETAILS, note

__all__ = ["PATIENTS", "amended", "lives"]

_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_APART = timedelta(hours=2)
_EVENTS_A_DOCUMENT = 6
_TOLD_AGAIN = 0.5
PATIENTS = tuple({"resourceType": "Patient", "id": f"p{number}"} for number in range(5))
"""The same as in the fault suite's drawings."""


def amended(documents: int, versions: int, seed: int) -> list[list[bytes]]:
    """The events of each document's versions, in order. Each version says other values, at least a cancer."""
    chance = random.Random(seed)
    return [[_event(chance, f"n{n}", v) for v in range(1, versions + 1)] for n in range(documents)]


def lives(documents: int, seed: int) -> Corpus:
    """Whole lives, as Kafka may deliver them: mixed with each other, many events twice, some of them out of order.

    A life is read from its start to its end; then half of them are read again from somewhere on, as after a lost
    commit. A life in which each event leaves its mark (ADR 0005) comes in any order at all.
    """
    drawn = draw(documents * _EVENTS_A_DOCUMENT, seed, poison_share=0.0)
    chance, by_life = random.Random(seed), defaultdict(list)
    for number, event in enumerate(drawn.events):
        by_life[event.key].append((event, drawn.refused.get(number)))
    for life in by_life.values():
        if not any(refused or _leaves_no_mark(event) for event, refused in life):
            chance.shuffle(life)
        if chance.random() < _TOLD_AGAIN:
            life.extend(life[chance.randrange(len(life)) :])
    corpus = Corpus(holds=drawn.holds, seed=drawn.seed)
    waiting = [list(reversed(life)) for life in by_life.values()]
    while waiting:
        place = chance.randrange(len(waiting))
        event, refused = waiting[place].pop()
        if refused:
            corpus.refused[len(corpus.events)] = refused
        corpus.events.append(event)
        if not waiting[place]:
            del waiting[place]
    return corpus


def _leaves_no_mark(event: Event) -> bool:
    """Whether nothing tells later that the event came, where nothing was known of its document before."""
    if event.value is None:
        return True
    attachment = json.loads(event.value)["content"][0]["attachment"]
    return b"torn meniscus" in base64.b64decode(attachment.get("data", ""))


def _event(chance: random.Random, name: str, version: int) -> bytes:
    values = [chance.choice(CANCERS), *(chance.choice(each) for each in DETAILS if chance.random() < 0.7)]
    moment = (_BEGIN + version * _APART).isoformat().replace("+00:00", "Z")
    text = note(values, f"{name} version {version}")
    resource: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "id": name,
        "meta": {"versionId": str(version), "lastUpdated": moment},
        "status": "current",
        "date": moment,
        "subject": {"reference": f"Patient/{PATIENTS[sum(name.encode()) % len(PATIENTS)]['id']}"},
        "content": [
            {"attachment": {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}},
        ],
    }
    return json.dumps(resource).encode()
