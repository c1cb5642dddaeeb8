"""Confidence is that of the very tokens that make an item."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.extraction.confidence import Confidence
from medie_fhir.ports import ModelAnswer, Token

TokensOf = Callable[[list[tuple[str, float]]], tuple[Token, ...]]


def test_it_is_the_geometric_mean_over_the_tokens_of_the_item(tokens_of: TokensOf) -> None:
    tokens = tokens_of([('{"a":"', -3.0), ("IV", -0.5), (" A", -0.25), ('"}', -9.0)])
    answer = ModelAnswer('{"a":"IV A"}', "stop", tokens)
    assert Confidence(answer).of(6, 10) == pytest.approx(math.exp(-0.375))


def test_a_token_that_overlaps_the_item_counts(tokens_of: TokensOf) -> None:
    tokens = tokens_of([('"li', -1.0), ('ver"', -3.0)])
    assert Confidence(ModelAnswer('"liver"', "stop", tokens)).of(1, 6) == pytest.approx(math.exp(-2.0))


def test_the_first_bytes_of_a_character_count_with_it(tokens_of: TokensOf) -> None:
    tokens = tokens_of([("a", 0.0), ("", -2.0), ("é", -4.0), ("b", 0.0)])
    confidence = Confidence(ModelAnswer("aéb", "stop", tokens))
    assert confidence.of(1, 2) == pytest.approx(math.exp(-3.0))
    assert confidence.of(0, 1) == 1.0


@pytest.mark.parametrize("around", [("", ""), (" \n", "<|im_end|>"), ("", "\n")])
def test_what_the_server_strips_is_passed_over(tokens_of: TokensOf, around: tuple[str, str]) -> None:
    tokens = tokens_of([(around[0], -7.0), ("I", -1.0), ("V", -2.0), (around[1], -7.0)])
    confidence = Confidence(ModelAnswer("IV", "stop", tokens))
    assert confidence.of(1, 2) == pytest.approx(math.exp(-2.0))


@pytest.mark.parametrize("logprob", [math.nan, math.inf, -math.inf])
def test_a_log_probability_that_is_no_number_gives_none(tokens_of: TokensOf, logprob: float) -> None:
    answer = ModelAnswer("IV", "stop", tokens_of([("I", -1.0), ("V", logprob)]))
    assert Confidence(answer).of(0, 2) is None
    assert Confidence(answer).of(0, 1) == pytest.approx(math.exp(-1.0))


def test_without_tokens_or_with_those_of_another_text_there_is_none(tokens_of: TokensOf) -> None:
    assert Confidence(ModelAnswer("IV", "stop")).of(0, 2) is None
    assert Confidence(ModelAnswer("IV", "stop", tokens_of([("III", -0.1)]))).of(0, 2) is None
    assert Confidence(ModelAnswer("", "stop", tokens_of([("III", -0.1)]))).of(0, 1) is None


PIECES = st.lists(
    st.tuples(st.text(st.sampled_from("ab "), max_size=3), st.floats(-20, 0.001) | st.just(math.nan)), max_size=12
)


@given(PIECES, st.integers(0, 30), st.integers(1, 10))
def test_it_is_within_0_and_1_or_none_for_any_tokens(
    tokens_of: TokensOf, pieces: list[tuple[str, float]], start: int, length: int
) -> None:
    text = "".join(piece for piece, _ in pieces).strip()
    value = Confidence(ModelAnswer(text, "stop", tokens_of(pieces))).of(start, start + length)
    assert value is None or 0 <= value <= 1


@given(st.lists(st.tuples(st.text(st.sampled_from("ab"), min_size=1, max_size=3), st.floats(-20, 0)), min_size=1))
def test_of_the_whole_text_it_is_the_mean_of_all_tokens(tokens_of: TokensOf, pieces: list[tuple[str, float]]) -> None:
    text = "".join(piece for piece, _ in pieces)
    mean = math.fsum(p for _, p in pieces) / len(pieces)
    assert Confidence(ModelAnswer(text, "stop", tokens_of(pieces))).of(0, len(text)) == pytest.approx(math.exp(mean))
