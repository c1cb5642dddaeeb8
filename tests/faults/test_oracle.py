"""The oracle finds what it is there for: each kind of damage, done to a store that was right."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from corpus import Corpus, draw
from leaks import Leaks
from model_stub import ModelStub
from notes import CANCERS, DETAILS, SENTINELS, note
from oracle import State, Verdict, check_against_drawing, compare, reference

from medie_fhir.adapters.fhir_twin import FhirTwin

COPY = "DocumentReference/c"
RIGHT: State = {"Condition/a": ["1", "2"], COPY: [json.dumps([{}, {"date": d}]) for d in ("2020-01-01", "2020-01-02")]}


def damaged(place: str, versions: Callable[[list[str]], list[str]]) -> State:
    return {p: versions(v) if p == place else v for p, v in RIGHT.items()}


def test_what_is_as_it_should_be_is_clean() -> None:
    assert compare(RIGHT, damaged("", list)) == Verdict()


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        pytest.param(damaged("Condition/a", lambda v: v[:1]), Verdict(lost=1, out_of_order=1), id="a version less"),
        pytest.param(damaged("Condition/a", lambda v: []), Verdict(lost=2), id="a resource less"),
        pytest.param(damaged("Condition/a", lambda v: [v[0], *v]), Verdict(duplicated=1), id="a version more"),
        pytest.param(RIGHT | {"Condition/b": ["1"]}, Verdict(duplicated=1), id="a resource more"),
        pytest.param(damaged("Condition/a", lambda v: v[::-1]), Verdict(out_of_order=1), id="an older version last"),
        pytest.param(damaged(COPY, lambda v: [v[1], v[0], v[1]]), Verdict(0, 1, 1), id="a document that went back"),
    ],
)
def test_each_kind_of_damage_is_found(seen: State, found: Verdict) -> None:
    assert compare(RIGHT, seen) == found


def test_the_pipeline_alone_comes_to_what_was_drawn() -> None:
    """Two oracles that know nothing of each other: :func:`reference` raises where they differ."""
    stub = ModelStub(Leaks())
    corpus = draw(60, 3, poison_share=0.3)
    expected = asyncio.run(reference(corpus, stub))
    stub.close()
    assert len(expected.letters) == len(corpus.refused)
    assert expected.transactions > 10


@pytest.fixture
def stood(model: Any, pipeline: Any, twin: FhirTwin) -> tuple[FhirTwin, Corpus]:
    """A twin on which one note stands as it should."""
    values = frozenset([CANCERS[0], DETAILS[0][0]])
    corpus = Corpus(holds={"d1": values})
    model.script = {"Lung": {"cancer_type": CANCERS[0], "stage": DETAILS[0][0]}}
    return twin, corpus


async def publish(pipeline: Any, event: Callable[..., bytes]) -> None:
    for each in await pipeline.events(event(note([CANCERS[0], "IV"], "d1"), "d1")):
        await pipeline.publish(await pipeline.extract(each))


async def test_a_document_that_says_what_was_drawn_is_clean(
    stood: tuple[FhirTwin, Corpus], pipeline: Any, event: Callable[..., bytes]
) -> None:
    await publish(pipeline, event)
    assert check_against_drawing(*stood) == Verdict()


async def test_a_value_that_is_missing_is_lost_and_one_that_should_be_gone_is_out_of_order(
    stood: tuple[FhirTwin, Corpus], pipeline: Any, event: Callable[..., bytes]
) -> None:
    await publish(pipeline, event)
    twin, corpus = stood
    corpus.holds["d1"] = frozenset([CANCERS[0], "liver"])
    assert check_against_drawing(twin, corpus) == Verdict(lost=1, out_of_order=1)


async def test_facts_of_a_document_that_nobody_told_of_are_too_many(
    stood: tuple[FhirTwin, Corpus], pipeline: Any, event: Callable[..., bytes]
) -> None:
    await publish(pipeline, event)
    assert check_against_drawing(stood[0], Corpus()) == Verdict(duplicated=2)


def test_a_sentinel_is_found_whatever_its_case() -> None:
    leaks = Leaks()
    leaks.look("a log", f"of {SENTINELS[0].upper()} and more")
    leaks.look("a log", "nothing")
    assert [where for where, _ in leaks.found] == ["a log"]
    assert leaks.looked["a log"] == 2
