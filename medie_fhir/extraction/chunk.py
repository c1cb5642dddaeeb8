"""A note in pieces that a model can read: whole sentences, and where it can be whole sections and paragraphs.

The adapters were trained on a few sentences; a whole discharge summary would be far from what they know, and may not
fit the context at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from medie_fhir.model import NoteText, Span

__all__ = ["chunks"]

_WHITE_SPACE = re.compile(r"\s+")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_OVERLAP = 120  # characters: longer than what a note names in one go
_OVERLAP_SHARE = 4  # and a quarter of a chunk at most


def chunks(note: NoteText, limit: int, within: Span | None = None) -> tuple[Span, ...]:
    """Stretches of at most ``limit`` characters that hold every non-blank character of the note, in order.

    Sentences stay whole, but for one that is longer than ``limit``: it is cut at white space, or where it has none,
    at the limit. There alone two chunks overlap, by a few words, so that what is said across the cut is whole in one of
    them. With ``within``, only that stretch of the note. Raises ValueError for a limit below 1.
    """
    if limit < 1:
        raise ValueError("a chunk holds at least one character")
    pieces = tuple(_pieces(note, limit, within or Span(0, len(note.text))))
    edges = [_edge(note, left, right) for left, right in pairwise(pieces)]
    out: list[Span] = []
    first = 0
    while first < len(pieces):
        last = first
        while last + 1 < len(pieces) and pieces[last + 1].end - pieces[first].start <= limit:
            last += 1
        if last + 1 < len(pieces):
            last = _best_end(pieces, edges, first, last)
        out.append(Span(pieces[first].start, pieces[last].end))
        first = last + 1
    return tuple(out)


def _best_end(pieces: tuple[Span, ...], edges: list[int], first: int, last: int) -> int:
    """The piece to end with: at the strongest edge that leaves the chunk at least half full, the latest of equals."""
    half = (pieces[last].end - pieces[first].start) / 2
    full = [i for i in range(first, last + 1) if pieces[i].end - pieces[first].start >= half]
    return max(full, key=lambda i: (edges[i], i))


def _edge(note: NoteText, left: Span, right: Span) -> int:
    """How strong the edge between two neighbouring pieces is: a section's 2, a paragraph's 1, else 0."""
    if any(left.end <= section.span.start <= right.start for section in note.sections):
        return 2
    return 1 if _BLANK_LINE.search(note.text, left.end, right.start) else 0


def _pieces(note: NoteText, limit: int, within: Span) -> Iterator[Span]:
    """Sentences without the white space around them, the over-long ones cut."""
    for sentence in note.sentences:
        start, end = max(sentence.start, within.start), min(sentence.end, within.end)
        while (piece := _trimmed(note.text, start, end)) is not None:
            if piece.end - piece.start <= limit:
                yield piece
                break
            cut = Span(piece.start, _cut(note.text, piece.start, limit))
            yield cut
            start = _again(note.text, cut, piece.end, limit)


def _trimmed(text: str, start: int, end: int) -> Span | None:
    """The stretch without white space at its ends; None where nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end) if start < end else None


def _cut(text: str, start: int, limit: int) -> int:
    """Where to cut a stretch that is too long: before its last white space within the limit, or at the limit."""
    blanks = [m.start() for m in _WHITE_SPACE.finditer(text, start, start + limit + 1)]
    return blanks[-1] if blanks else start + limit


def _again(text: str, cut: Span, end: int, limit: int) -> int:
    """Where to go on after what was cut off: with its last words; at its end, where those would leave no room."""
    blank = _WHITE_SPACE.search(text, max(cut.start + 1, cut.end - min(_OVERLAP, limit // _OVERLAP_SHARE)), cut.end)
    if blank is None or (end - blank.end() > limit and _cut(text, blank.end(), limit) <= cut.end):
        return cut.end
    return blank.end()
