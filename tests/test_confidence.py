"""How sure a fact is: what a task's calibration makes of what the readers gave."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.confidence import (
    MONOTONE,
    Calibration,
    Weights,
    calibrated,
    combined,
    features,
    in_the_words_of,
    load_calibration,
)
from medie_fhir.configuration import Configuration
from medie_fhir.errors import InvalidTask
from medie_fhir.model import Alignment, Assertion, CodedFact, Concept, Experiencer, Fact, Sighting
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped

READERS = ("lexicon", "model")
SHARES = st.floats(0, 1)
FACTS = st.builds(
    Fact,
    field=st.sampled_from(["stage", "response"]),
    value=st.just("IV"),
    alignment=st.sampled_from(Alignment),
    assertion=st.sampled_from(Assertion),
    experiencer=st.sampled_from(Experiencer),
).flatmap(
    lambda fact: st.dictionaries(st.sampled_from(READERS), st.none() | SHARES, min_size=1).map(
        lambda sure: seen_by(fact, sure)
    )
)
WEIGHTS = st.fixed_dictionaries(
    {name: st.floats(0 if name in MONOTONE else -20, 20) for name in Weights.model_fields}
).map(Weights.model_validate)


def seen_by(fact: Fact, sure: Mapping[str, float | None]) -> Fact:
    sightings = tuple(Sighting(reader=name, value=fact.value, confidence=c) for name, c in sure.items())
    return fact.model_copy(update={"readers": tuple(sure), "sightings": sightings})


def fact(value: str = "IV", field: str = "stage", **sure: float | None) -> Fact:
    return seen_by(Fact(field=field, value=value, alignment=Alignment.EXACT), sure)


def coded(one: Fact, key: str) -> CodedFact:
    return CodedFact(one, Concept(key), "id")


def of(weights: Weights, least: float = 0.5) -> Calibration:
    return Calibration(version=1, least=least, fields={"stage": weights, "response": weights})


@given(st.lists(FACTS, max_size=5), WEIGHTS)
def test_a_calibrated_confidence_is_a_probability_never_quite_0_or_1(facts: list[Fact], weights: Weights) -> None:
    for before, after in zip(facts, calibrated(facts, of(weights)), strict=True):
        assert after.confidence is not None
        assert 0 < after.confidence < 1
        assert after.model_copy(update={"confidence": before.confidence}) == before, "nothing else changes"


@given(FACTS, WEIGHTS, st.sampled_from(READERS), SHARES, SHARES)
def test_what_its_reader_was_surer_of_is_never_less_probable(
    fact: Fact, weights: Weights, reader: str, a: float, b: float
) -> None:
    sure = {one.reader: one.confidence for one in fact.sightings}
    (low,), (high,) = (
        calibrated([seen_by(fact, sure | {reader: confidence})], of(weights)) for confidence in sorted((a, b))
    )
    assert (low.confidence or 0) <= (high.confidence or 0)


@given(st.lists(FACTS, max_size=5))
def test_features_are_those_that_weights_name_and_none_is_0(facts: list[Fact]) -> None:
    for seen in features(facts):
        assert seen.keys() <= Weights.model_fields.keys()
        assert all(seen.values())


def test_without_a_calibration_or_weights_of_its_field_a_fact_stays_as_it_is() -> None:
    one = fact(model=0.4).model_copy(update={"confidence": 0.4})
    assert calibrated([one], None) == (one,)
    assert calibrated([one], Calibration(version=1, fields={"response": Weights(constant=1)})) == (one,)


def test_what_one_reader_saw_alone_is_told_by_what_the_other_saw() -> None:
    alone, other, both = fact("IV", model=0.9), fact("II", lexicon=0.9), fact("CR", "response", lexicon=0.9, model=0.9)
    by_model, by_lexicon, by_both = features([alone, other, both])
    assert by_model.keys() == {"constant", "model_logit", "model_alone", "model_against"}
    assert by_model["model_against"] == pytest.approx(0.478, abs=0.001), "as sure as the lexicon was of the other"
    assert {"lexicon_alone", "lexicon_against"} <= by_lexicon.keys()
    assert by_both.keys() == {"constant", "model_logit", "lexicon_logit"}


def test_a_model_that_sees_what_the_lexicon_sees_is_one_that_knows_such_notes() -> None:
    agreed = [fact(str(n), "response", lexicon=0.9, model=0.9) for n in range(8)]
    missed = [fact(str(n), "response", lexicon=0.9) for n in range(8)]
    alone = fact(model=0.9)
    assert features([*agreed, alone])[-1]["model_agreeing"] == pytest.approx(0.8)
    assert features([*missed, alone])[-1]["model_agreeing"] == pytest.approx(-0.8)


def test_a_record_from_before_readers_were_told_apart_has_its_confidence_for_theirs() -> None:
    old = Fact(field="stage", value="IV", alignment=Alignment.EXACT, confidence=0.4, readers=("model",))
    assert features([old])[0]["model_logit"] == features([fact(model=0.4)])[0]["model_logit"]
    assert (old.own_confidence(), fact(lexicon=0.9, model=None).own_confidence()) == (0.4, 0.9)


def test_read_together_is_what_is_probable_once_in_the_models_words() -> None:
    sure = {"confidence": 0.9}
    both = seen_by(fact("stage IV"), {"lexicon": 0.9}).model_copy(update=sure)
    seconded = both.model_copy(
        update={"readers": READERS, "sightings": (*both.sightings, Sighting(reader="model", value="IV"))}
    )
    again = fact("stage four", lexicon=0.9).model_copy(update={"confidence": 0.95})
    unlikely = fact("II", model=0.2).model_copy(update={"confidence": 0.2})
    unknown = fact("Dukes Z", lexicon=0.9).model_copy(update=sure)
    all_of_it = [coded(seconded, "IV"), coded(again, "IV"), coded(unlikely, "II"), coded(unknown, "dukes z")]
    assert [one.value for one in combined(all_of_it, of(Weights(constant=0)))] == ["IV", "Dukes Z"]
    assert [one.value for one in combined(all_of_it, None)] == ["IV", "II", "Dukes Z"]
    assert [one.value for one in in_the_words_of([seconded, unknown], "lexicon")] == ["stage IV", "Dukes Z"]


def test_the_faults_of_a_file_are_told_with_their_lines() -> None:
    text = "version: 1\nfields:\n  stage:\n    constant: 1\n    surprise: 2\n    model_logit: -1\n  response: {}\n"
    with pytest.raises(InvalidTask) as raised:
        load_calibration(text, "c.yaml", {"stage", "response"})
    told = str(raised.value).splitlines()
    assert [line.partition(": fields.")[0] for line in told] == ["c.yaml: line 6", "c.yaml: line 5", "c.yaml: line 7"]
    assert "fields.response.constant: Field required" in told[2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 1\nfields: {\n", "c.yaml: line 3: not YAML"),
        ("version: 1\nfields: {}\nleast: 0.5\nleast: 0.9\n", "c.yaml: line 4: not YAML, or a key twice"),
        ("version: 2\nfields: {stage: {constant: 1}}\n", "c.yaml: line 1: version"),
        ("version: 1\nfields:\n  nose: {constant: 1}\n", "c.yaml: line 3: fields.nose: the task has no field"),
        ("version: 1\nfields: {stage: {constant: .nan}}\n", "c.yaml: line 2: fields.stage.constant"),
        ("", "c.yaml: line 1"),
    ],
)
def test_what_is_no_calibration_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidTask) as raised:
        load_calibration(text, "c.yaml", {"stage"})
    assert str(raised.value).startswith(told)


def test_the_shipped_calibration_has_weights_for_every_field() -> None:
    configuration = Configuration(Settings())
    assert configuration.calibration is not None
    assert configuration.calibration.fields.keys() == configuration.task.fields.keys()
    text = shipped("schemas", "tasks", "confidence", "oncology.yaml").read_text(encoding="utf-8")
    other = load_calibration(text.replace("least: 0.7", "least: 0.6"), "c.yaml", configuration.task.fields)
    assert other.digest != configuration.calibration.digest
