"""Which two words are one, and which words may never bend."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.grounding.fold import fold
from medie_fhir.grounding.fuzzy import critical, same_word


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("metastasis", "metastases"),
        ("metastasis", "metastatic"),
        ("carcinoma", "carcinomas"),
        ("progression", "progressive"),
        ("recurrence", "recurrent"),
        ("resection", "resected"),
        ("leukaemia", "leukemia"),
        ("tumour", "tumor"),
        ("haematoma", "hematoma"),
        ("cisplatin", "cisplatn"),
        ("cisplatin", "cispaltin"),
        ("adenocarcinoma", "adenocarclnoma"),
    ],
)
def test_one_word_in_two_forms_is_one(one: str, other: str) -> None:
    assert same_word(one, other)
    assert same_word(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lapatinib", "apatinib"),
        ("nilotinib", "erlotinib"),
        ("axitinib", "afatinib"),
        ("cisplatin", "carboplatin"),
        ("vinblastine", "vincristine"),
        ("prednisone", "prednisolone"),
        ("perineal", "peroneal"),
        ("ileum", "ilium"),
        ("hypothyroidism", "hyperthyroidism"),
        ("intracranial", "extracranial"),
        ("resectable", "unresectable"),
        ("adenoma", "adenosis"),
        ("lymphoma", "lipoma"),
        ("liver", "lung"),
        ("12", "13"),
    ],
)
def test_two_words_that_look_alike_stay_two(one: str, other: str) -> None:
    assert not same_word(one, other)
    assert not same_word(other, one)


@given(st.text("abcdefgh1", max_size=12), st.text("abcdefgh1", max_size=12))
def test_being_one_word_looks_the_same_from_both_sides(one: str, other: str) -> None:
    assert same_word(one, other) == same_word(other, one)
    assert same_word(one, one)


@pytest.mark.parametrize("text", ["L858R", "IV", "IIIB", "EGFR", "ALK", "positive", "not", "left", "T", "wild", "12.5"])
def test_these_words_never_bend(text: str) -> None:
    assert critical(fold(text).words[0])


@pytest.mark.parametrize("text", ["lung", "CARCINOMA", "metastases", "Stage", "mixed"])
def test_these_words_may_bend(text: str) -> None:
    assert not critical(fold(text).words[0])
