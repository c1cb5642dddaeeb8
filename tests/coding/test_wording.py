"""The normal form of wordings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.coding.wording import fold, parenthesised, plain, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CA-125", "ca 125"),
        ("Tumour", "tumor"),
        ("leukaemia", "leukemia"),
        ("Waldenström", "Waldenstrom"),
        ("β-hCG", "beta hcg"),
        ("non–small\u2011cell", "non-small cell"),
        ("Kaposi’s sarcoma", "kaposi sarcoma"),
    ],
)
def test_spellings_of_one_wording_are_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("plural", "singular"), [("lymph nodes", "lymph node"), ("mets", "metastasis"), ("vertebrae", "vertebra")]
)
def test_a_plural_is_its_singular_where_plurals_count(plural: str, singular: str) -> None:
    assert fold(plural, plurals=True) == fold(singular, plurals=True)
    assert fold(plural) != fold(singular)


@pytest.mark.parametrize("word", ["KRAS", "ALS", "thrombus", "sinus", "diagnosis", "mass"])
def test_what_only_ends_like_a_plural_is_left(word: str) -> None:
    assert fold(word, plurals=word != "KRAS") == word.casefold()


@given(st.text(max_size=80))
def test_the_plain_form_is_stable(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@given(st.text(max_size=80))
def test_folding_is_blind_to_case_of_its_own_words(text: str) -> None:
    assert fold(" ".join(words(text)).upper()) == fold(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("bone (spine)", ("bone", "spine")),
        ("colorectal (colon) adenocarcinoma", ("colorectal adenocarcinoma", "colon")),
        ("bone", None),
        ("a (b) (c)", None),
        ("a (b", None),
    ],
)
def test_one_pair_of_parentheses_is_taken_apart(text: str, parts: tuple[str, str] | None) -> None:
    assert parenthesised(text) == parts
