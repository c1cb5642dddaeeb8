"""Chunks lose nothing, double nothing, and part a note where a reader would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
def test_every_character_that_is_not_blank_is_in_a_chunk(note_of: NoteOf, text: str, limit: int) -> None:
    spans = chunks(note_of(text), limit)
    assert "".join(covered(text, spans).split()) == "".join(text.split())
    assert all(left.start < right.start and left.end < right.end for left, right in pairwise(spans))


@given(NOTES, LIMITS)
def test_chunks_overlap_only_within_a_sentence_and_by_whole_words(note_of: NoteOf, text: str, limit: int) -> None:
    note = note_of(text)
    for left, right in pairwise(chunks(note, limit)):
        if right.start < left.end:
            assert any(s.start <= right.start and left.end < s.end for s in note.sentences)
            assert left.end - right.start <= limit // 4
            assert text[right.start - 1].isspace()


def covered(text: str, spans: Sequence[Span]) -> str:
    """What spans hold of a text, each character once."""
    before = [0, *(span.end for span in spans)][: len(spans)]
    return "".join(text[max(s.start, b) : s.end] for b, s in zip(before, spans, strict=True))


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
        assert "".join(covered(text, parts).split()) == "".join(text[span.start : span.end].split())


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


def test_what_is_said_across_the_cut_of_an_endless_sentence_is_whole_in_one_of_both(note_of: NoteOf) -> None:
    text = "word " * 18 + "lung adenocarcinoma " + "word " * 18
    spans = chunks(note_of(text), 100)
    assert any("lung adenocarcinoma" in text[slice(*span)] for span in spans)
    assert len(spans) == 3


def test_a_word_of_more_than_a_chunk_after_a_cut_is_got_over(note_of: NoteOf) -> None:
    text = "aa bb cc " + "x" * 50 + " dd ee"
    spans = chunks(note_of(text), 12)
    assert "".join(covered(text, spans).split()) == "".join(text.split())
