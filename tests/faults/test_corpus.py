"""The drawing of events: the same by the same seed, and as mixed as the suite says."""

from __future__ import annotations

import json

from corpus import draw
from notes import CANCERS, GARBAGE, SENTINELS, answer, note


def test_the_same_seed_draws_the_same_events_and_another_seed_others() -> None:
    assert draw(200, 1).events == draw(200, 1).events
    assert draw(200, 1).events != draw(200, 2).events


def test_events_are_as_many_as_asked_of_a_document_for_each_seven_at_most() -> None:
    corpus = draw(700, 1)
    assert len(corpus.events) >= 700
    assert len(corpus.holds) >= 100


def test_there_are_amendments_repetitions_retractions_deletions_and_replacements() -> None:
    corpus = draw(700, 1)
    values = [json.loads(e.value) for e in corpus.events if e.value and e.value.startswith(b'{"resourceType": "Doc')]
    assert {v["status"] for v in values if "status" in v} == {"current", "entered-in-error", "superseded"}
    assert any("relatesTo" in v for v in values)
    assert any(e.value is None for e in corpus.events)
    assert len({(e.key, e.value) for e in corpus.events}) < len(corpus.events)


def test_more_than_ten_classes_refuse_the_poison() -> None:
    assert len({kind for _, kind in draw(700, 1, poison_share=0.3).refused.values()}) > 10


def test_every_life_has_one_key() -> None:
    corpus = draw(700, 1)
    keys: dict[str, set[bytes | None]] = {}
    for event in corpus.events:
        if event.value and b'"id": "d' in event.value:
            keys.setdefault(json.loads(event.value)["id"].split("-")[0], set()).add(event.key)
    assert keys
    assert all(len(found) == 1 for found in keys.values())


def test_every_note_holds_the_sentinels_and_the_model_says_just_what_it_says() -> None:
    text = note([CANCERS[0], "IV"], "d1 version 1")
    assert all(sentinel in text for sentinel in SENTINELS)
    said, why = answer(text)
    assert {k: v for k, v in json.loads(said).items() if v} == {"cancer_type": CANCERS[0], "stage": "IV"}
    assert why == "stop"


def test_no_garbled_answer_is_one() -> None:
    for mark in GARBAGE:
        assert answer(note([CANCERS[0]], "d1", mark)) == GARBAGE[mark]
