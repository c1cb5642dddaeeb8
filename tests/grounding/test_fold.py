"""Folding takes away what a typist may change, and knows the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.grounding.fold import fold, folded_key, gaps_agree


@given(st.text(max_size=120))
def test_every_folded_letter_stands_somewhere_in_the_text(text: str) -> None:
    folded = fold(text)
    assert len(folded.letters) == len(folded.starts) == len(folded.ends)
    assert list(folded.starts) == sorted(folded.starts)
    assert all(0 <= s < e <= len(text) for s, e in zip(folded.starts, folded.ends, strict=True))


@given(st.text(max_size=120))
def test_words_stand_where_they_say(text: str) -> None:
    assert all(text[w.start : w.end] == w.written for w in fold(text).words)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HER-2 positive", "HER2 Positive"),
        ("PD-L1", "PDL1"),
        ("ER+", "ER positive"),
        ("ER-", "ER negative"),
        ("T790\u2009M", "T790 M"),
        ("ﬁbrosarcoma", "fibrosarcoma"),
        ("non\u2010small cell", "non-small cell"),
    ],
)
def test_two_spellings_of_one_value_have_one_key(one: str, other: str) -> None:
    assert folded_key(one) == folded_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("stage IV", "stage 4"), ("ER+", "ER-"), ("CD20", "CD 2"), ("1.5", "15"), ("stage I", "stage II")],
)
def test_what_differs_in_meaning_keeps_its_own_key(one: str, other: str) -> None:
    assert folded_key(one) != folded_key(other)


@pytest.mark.parametrize(
    ("left", "right", "gap", "other", "agree"),
    [
        ("a", "t", "", " ", False),  # "atypical", "a typical"
        ("n", "s", "-", " ", True),  # "non-small", "non small"
        ("o", "d", "-\n", "", True),  # "co-\ndeletion", "codeletion"
        ("r", "2", "-", "", True),  # "HER-2", "HER2"
        ("1", "9", "", " ", False),  # "19", "1 9"
        ("9", "9", "-", " ", True),  # "19-9", "19 9"
        ("g", "c", ". ", " ", False),  # "lung. Cancer"
        ("r", "c", "\n\n", " ", False),
        ("p", "v", ".", "", True),  # "p.V600E", "pV600E"
    ],
)
def test_gaps_agree_where_a_typist_would(left: str, right: str, gap: str, other: str, agree: bool) -> None:
    assert gaps_agree(left, right, gap, other) is agree
    assert gaps_agree(left, right, other, gap) is agree
