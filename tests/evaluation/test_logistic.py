"""Logistic regression finds the weights that made the examples, and keeps to its prior where they are silent."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.evaluation import Example, fit

NAMES = ("constant", "a", "b")
NOTHING = dict.fromkeys(NAMES, 0.0)
WEAK = dict.fromkeys(NAMES, 1e-3)
EXAMPLES = st.lists(
    st.tuples(
        st.fixed_dictionaries({"constant": st.just(1.0), "a": st.floats(-3, 3), "b": st.sampled_from([0.0, 1.0])}),
        st.booleans(),
    ),
    max_size=12,
)


def made_by(weights: dict[str, float], count: int) -> list[Example]:
    chance = random.Random(3)
    examples: list[Example] = []
    for _ in range(count):
        seen = {"constant": 1.0, "a": chance.gauss(0, 1), "b": float(chance.random() < 0.5)}
        total = sum(weights[name] * value for name, value in seen.items())
        examples.append((seen, chance.random() < 1 / (1 + math.exp(-total))))
    return examples


def test_the_weights_that_made_the_examples_are_found() -> None:
    truth = {"constant": 0.5, "a": 1.5, "b": -2.0}
    found = fit(made_by(truth, 4000), NOTHING, strength=WEAK)
    assert found == pytest.approx(truth, abs=0.2)


def test_what_would_fall_and_may_not_is_nothing() -> None:
    found = fit(made_by({"constant": 0.0, "a": -1.0, "b": 1.0}, 500), NOTHING, strength=WEAK, rising={"a"})
    assert found["a"] == 0
    assert found["b"] == pytest.approx(1, abs=0.4)


def test_without_examples_the_prior_stays() -> None:
    prior = {"constant": 1.0, "a": -2.0, "b": 0.5}
    assert fit([], prior, strength=dict.fromkeys(NAMES, 1.0)) == pytest.approx(prior)


def test_examples_that_a_line_parts_give_finite_weights() -> None:
    found = fit([({"a": 1000.0}, True), ({"a": -1000.0}, False)], {"a": 0.0}, strength={"a": 0.1})
    assert 0 < found["a"] < 10


@given(EXAMPLES)
def test_at_the_end_nothing_pulls_any_more(examples: list[Example]) -> None:
    found = fit(examples, NOTHING, strength=dict.fromkeys(NAMES, 1.0))
    for name in NAMES:
        pull = found[name]
        for seen, is_right in examples:
            total = sum(found[key] * value for key, value in seen.items())
            pull += (1 / (1 + math.exp(-total)) - is_right) * seen[name]
        assert pull == pytest.approx(0, abs=1e-3)
