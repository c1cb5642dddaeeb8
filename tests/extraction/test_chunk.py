"""Chunks lose nothing, double nothing, and part a note where a reader would."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.extraction.chunk import chunks
from medie_fhir.model import NoteText, Span

NoteOf = Callable[..., NoteText]

NOTES = st.text(alphabet=st.sampled_from("ab .\n\t\u00a0é"), max_size=200)
LIMITS = st.integers(min_value=1, max_value=80)


@given(NOTES, LIMITS)
def test_every_character_that_is_not_blank_is_in_one_chunk_once(note_of: NoteOf, text: str, limit: int) -> None:
    spans = chunks(note_of(text), limit)
    assert "".join("".join(text[s.start : s.end].split()) for s in spans) == "".join(text.split())
    assert all(left.end <= right.start for left, right in pairwise(spans))


@given(NOTES, LIMITS)
def test_no_chunk_is_empty_or_longer_than_the_limit(note_of: NoteOf, text: str, limit: int) -> None:
    for span in chunks(note_of(text), limit):
        assert 0 < span.end - span.start <= limit
        assert text[span.start : span.end] == text[span.start : span.end].strip()


@given(NOTES, LIMITS)
def test_a_chunk_cut_again_alone_covers_the_same_text(note_of: NoteOf, text: str, limit: int) -> None:
    note = note_of(text)
    for span in chunks(note, limit):
        parts = chunks(note, max(1, limit // 2), span)
        assert parts[0].start == span.start
        assert parts[-1].end == span.end
        assert "".join("".join(text[p.start : p.end].split()) for p in parts) == "".join(
            text[span.start : span.end].split()
        )


@given(NOTES, LIMITS)
def test_a_word_is_cut_only_where_it_is_longer_than_the_limit(note_of: NoteOf, text: str, limit: int) -> None:
    for left, right in pairwise(chunks(note_of(text), limit)):
        if left.end == right.start and text[left.end - 1] not in ".\n":
            word = text[left.start : right.end].split()
            assert max(map(len, word)) > limit or left.end - left.start == limit


def test_a_note_within_the_limit_is_one_chunk(note_of: NoteOf) -> None:
    assert chunks(note_of("  One. Two.\n\nThree.  "), 100) == (Span(2, 19),)


def test_sentences_stay_whole(note_of: NoteOf) -> None:
    text = "Aaaa aaaa. Bbbb bbbb. Cccc cccc."
    assert [text[s.start : s.end] for s in chunks(note_of(text), 25)] == ["Aaaa aaaa. Bbbb bbbb.", "Cccc cccc."]


def test_a_chunk_rather_ends_with_its_paragraph(note_of: NoteOf) -> None:
    text = "Aaaa aaaa. Bbbb bbbb.\n\nCccc. Dddd dddd dddd dddd dddd."
    assert next(text[s.start : s.end] for s in chunks(note_of(text), 40)) == "Aaaa aaaa. Bbbb bbbb."


def test_a_section_parts_stronger_than_a_paragraph(note_of: NoteOf) -> None:
    text = "Aaaa aaaa aaaa.\nPLAN Bbbb.\n\nCccc.\nDddd dddd dddd dddd dddd."
    note = note_of(text, sections=(16,))
    assert next(text[s.start : s.end] for s in chunks(note, 30)) == "Aaaa aaaa aaaa."


def test_an_edge_that_leaves_the_chunk_nearly_empty_is_passed_over(note_of: NoteOf) -> None:
    text = "Aa.\n\n" + "Bbbb bbbb. " * 8
    assert chunks(note_of(text), 60)[0].end > 40


def test_an_over_long_sentence_is_cut_at_white_space(note_of: NoteOf) -> None:
    text = "word " * 30 + "end."
    spans = chunks(note_of(text), 22)
    assert all(s.end - s.start <= 22 for s in spans)
    assert {w for s in spans for w in text[s.start : s.end].split()} == {"word", "end."}


def test_a_note_of_blanks_has_no_chunks(note_of: NoteOf) -> None:
    assert chunks(note_of(" \n\t "), 100) == ()


def test_a_limit_of_nothing_is_refused(note_of: NoteOf) -> None:
    with pytest.raises(ValueError, match="at least one"):
        chunks(note_of("A."), 0)
