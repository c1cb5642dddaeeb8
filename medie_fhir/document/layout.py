"""Plain text under construction, with the place in the source of every character."""

from __future__ import annotations

import html
import re
from enum import IntEnum
from html.entities import html5

from medie_fhir.model import OffsetMap, Run

__all__ = ["Gap", "Layout"]

_REFERENCE = r"&(?:#[0-9]{1,7}(?![0-9])|#[xX][0-9a-fA-F]{1,6}(?![0-9a-fA-F])|[A-Za-z][A-Za-z0-9]{0,31});?"
_ENTITY = re.compile(_REFERENCE)
_PIECE = re.compile(r"[ \t\n\r\f]+|" + _REFERENCE)
_LONGEST_BARE = max(len(name) for name in html5 if not name.endswith(";"))


class Gap(IntEnum):
    """White space that is due before the next character; the larger wins."""

    NONE = 0
    SPACE = 1
    CELL = 2
    LINE = 3
    PARAGRAPH = 4


_WHITE = {Gap.NONE: "", Gap.SPACE: " ", Gap.CELL: "\t", Gap.LINE: "\n", Gap.PARAGRAPH: "\n\n"}


class Layout:
    """Collects text from left to right.

    Law: the text is never longer than the source, for white space is put in only for at least one character of the
    source, and two characters only for a tag.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._parts: list[str] = []
        self._runs: list[Run] = []
        self._length = 0
        self._source_end = 0
        self._gap = Gap.NONE
        self._cell_is_empty = False

    def gap(self, gap: Gap) -> None:
        """White space is due. At the start of a table's cell, none is."""
        if not self._cell_is_empty:
            self._gap = max(self._gap, gap)

    def line_break(self) -> None:
        """A ``<br>``: two of them make a paragraph."""
        self.gap(Gap.PARAGRAPH if self._gap >= Gap.LINE else Gap.LINE)

    def open_cell(self) -> None:
        """A cell begins: until its first character, blocks within it make no gap."""
        self._cell_is_empty = False
        self.gap(Gap.CELL)
        self._cell_is_empty = True

    def close_cell(self) -> None:
        """A cell ends: what gap its last block asked for is the cell's own."""
        self._gap = max(self._gap, Gap.CELL) if self._cell_is_empty else Gap.CELL
        self._cell_is_empty = False

    def close_row(self) -> None:
        """A row or table begins or ends."""
        self._cell_is_empty = False
        self.gap(Gap.LINE)

    def flowing(self, start: int, end: int) -> None:
        """A stretch of the source as HTML shows it: white space is collapsed, entities are characters."""
        self._pieces(_PIECE, start, end)

    def preformatted(self, start: int, end: int) -> None:
        """A stretch of the source in which white space counts."""
        self._pieces(_ENTITY, start, end)

    def raw(self, start: int, end: int) -> None:
        """A stretch of the source as it stands."""
        if end > start:
            self._add(self.source[start:end], start, end)

    def done(self) -> tuple[str, OffsetMap]:
        """The text and its map."""
        return "".join(self._parts), OffsetMap(tuple(self._runs))

    def _pieces(self, pattern: re.Pattern[str], start: int, end: int) -> None:
        place = start
        for piece in pattern.finditer(self.source, start, end):
            if piece[0][0] != "&":
                self.raw(place, piece.start())
                self.gap(Gap.SPACE)
                place = piece.end()
            elif (entity := _entity(piece[0]))[0]:
                self.raw(place, piece.start())
                place = piece.start() + entity[1]
                self._add(entity[0], piece.start(), place)
        self.raw(place, end)

    def _add(self, text: str, start: int, end: int) -> None:
        self._cell_is_empty = False
        white = _WHITE[self._gap] if self._length else ""
        self._gap = Gap.NONE
        if white:
            self._run(white, self._source_end, start)
        self._run(text, start, end)

    def _run(self, text: str, start: int, end: int) -> None:
        run = Run(self._length, len(text), start, end - start)
        last = self._runs[-1] if self._runs else None
        if last and start == self._source_end and run.length == run.source_length and last.length == last.source_length:
            self._runs[-1] = Run(last.start, last.length + run.length, last.source_start, last.length + run.length)
        else:
            self._runs.append(run)
        self._parts.append(text)
        self._length += len(text)
        self._source_end = end


def _entity(written: str) -> tuple[str, int]:
    """``(characters, how much of it they stand for)`` of a character reference; no characters for what is none."""
    if written.endswith(";") or written[1] == "#":
        known = written[1] == "#" or written[1:] in html5
        return (html.unescape(written), len(written)) if known else _bare(written)
    return _bare(written)


def _bare(written: str) -> tuple[str, int]:
    """The few old names that need no semicolon, the longest first (HTML standard, named character references)."""
    for length in range(min(_LONGEST_BARE, len(written) - 1), 1, -1):
        if (name := written[1 : 1 + length]) in html5:
            return html5[name], 1 + length
    return "", 0
