"""What a table knows is seen word for word, and never in a word that only looks like it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.lexicon import Vocabulary
from medie_fhir.lexicon.vocabulary import Tokens, Wording

CANCERS = Vocabulary.of(
    [
        Wording("non-small cell lung cancer", "nsclc"),
        Wording("nsclc", "nsclc"),
        Wording("lung cancer", "lung"),
        Wording("leukemia", "leukemia", "heme"),
        Wording("all", "all", "heme"),
        Wording("Hodgkin lymphoma", "hodgkin"),
        Wording("bone metastasis", "bone"),
    ]
)
SYMBOLS = Vocabulary.of([Wording("SET", "set"), Wording("KRAS", "kras")], exact=True)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("He has non-small cell lung cancer.", {"non-small cell lung cancer": "nsclc"}),
        ("NON SMALL-CELL\nLUNG CANCER", {"NON SMALL-CELL\nLUNG CANCER": "nsclc"}),
        ("Nonsmall cell lung cancers", {"Nonsmall cell lung cancers": "nsclc"}),
        ("Leukaemia", {"Leukaemia": "leukemia"}),
        ("Hodgkin’s lymphoma", {"Hodgkin’s lymphoma": "hodgkin"}),
        ("two bone metastases", {"bone metastases": "bone"}),
        ("Pre-B ALL in 2019", {"ALL": "all"}),
        ("small cell lung cancer", {"lung cancer": "lung"}),
        # near misses
        ("all is well, and All of it", {}),
        ("PAIN IN ALL QUADRANTS", {}),
        ("lung, cancer", {}),
        ("lungcancers of mice, KRASS", {"lungcancers": "lung"}),
        ("lung and cancer", {}),
    ],
)
def test_a_wording_stands_word_for_word_or_not_at_all(text: str, seen: dict[str, str]) -> None:
    assert {text[t.start : t.end]: t.slug for t in CANCERS.find(text)} == seen


def test_symbols_count_in_their_own_letters_only() -> None:
    text = "KRAS was set; Kras, SET and KRAS2"
    assert [(text[t.start : t.end], t.slug) for t in SYMBOLS.find(text)] == [("KRAS", "kras"), ("SET", "set")]


def test_the_kind_of_an_entry_is_told() -> None:
    assert [term.kind for term in CANCERS.find("leukemia; lung cancer")] == ["heme", None]


PIECES = st.lists(
    st.sampled_from(["lung", "cancer", "non-small", "cell", "ALL", "all", ",", "\n", " ", "é", "+"]), max_size=14
)


@given(PIECES.map("".join), PIECES.map(" ".join))
def test_places_are_in_the_text_in_order_and_apart(one: str, other: str) -> None:
    text = f"{one} {other}"
    terms = list(CANCERS.find(text))
    assert all(0 <= t.start < t.end <= len(text) for t in terms)
    assert all(a.end <= b.start for a, b in itertools.pairwise(terms))


@given(PIECES.map(" ".join), PIECES.map(" ".join))
def test_what_stands_in_another_sentence_changes_nothing(one: str, other: str) -> None:
    alone = [(t.start, t.end, t.slug) for t in CANCERS.find(one + ".\n\n;\n")]
    assert [(t.start, t.end, t.slug) for t in CANCERS.find(f"{one}.\n\n;\n{other}")][: len(alone)] == alone


WORDS = [
    "Hodgkin",
    "'s",
    "lymphoma",
    "non",
    "-",
    "small",
    "cell",
    "lung",
    "cancer",
    "of",
    "the",
    "ALL",
    "set",
    "SET",
    "\n",
]


@given(st.lists(st.sampled_from(WORDS), max_size=25), st.sampled_from(["", " "]))
def test_a_texts_words_serve_every_vocabulary(words: list[str], gap: str) -> None:
    text = gap.join(words)
    tokens = Tokens(text)
    for vocabulary in (CANCERS, SYMBOLS, CANCERS):
        found = list(vocabulary.find(tokens))
        assert found == list(vocabulary.find(text))
        assert all(left.end <= right.start for left, right in itertools.pairwise(found))
