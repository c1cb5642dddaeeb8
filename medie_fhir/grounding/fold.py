"""A text without what a typist, a scanner or a typesetter may change, with the way back to its offsets.

Folded are case, Unicode compatibility forms (NFKC), white space and hyphens. Not folded are digits, signs that carry
meaning (``+ % < > = /`` and the minus of "HER2-"), and roman numerals: "stage IV" is not "stage 4".
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["MINUS", "Folded", "Word", "fold", "folded_key", "gaps_agree"]

_DASHES = "-\u00ad\u2010-\u2015\u2212"
MINUS = r"(?<![A-Z]{6})(?<=[A-Z0-9])[-\u2212\u2013](?=[,;/).]|[^\S\n](?![a-z])|\Z)|(?<=\()[-\u2212](?=\))"
"""A minus that is a result, as in "ER-, PR+" and "ER (-)", and no hyphen or dash."""

_PIECE = re.compile(rf"[^\W\d_]+|\d+(?:[.,]\d+)*|[+%<>=/*≥≤?]|{MINUS}")
_WORD = re.compile(
    rf"[A-Z]{{2,}}-(?:[A-Z]?\d[A-Za-z0-9]*)(?![^\W_])"  # HER-2, PD-L1: one name
    rf"|\d+(?:[.,-]\d+)+(?![^\W_])|[^\W_]+|[+%]|{MINUS}"
)
_GLUED_PROTEIN = re.compile(r"p[A-Z]\d+[A-Z]")  # "pV600E" for HGVS "p.V600E"
_DASH_GAP = re.compile(rf"\s*[{_DASHES}]+\s*")
_BREAK_GAP = re.compile(r"[.!?]\s|\n\s*\n")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as fuzzy alignment sees it: folded, as written, and where."""

    folded: str
    written: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Folded:
    """``letters`` are the folded characters without any gap; character *i* stands at ``starts[i]:ends[i]``."""

    text: str
    letters: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    words: tuple[Word, ...]

    def words_in(self, start: int, end: int) -> tuple[Word, ...]:
        """The words that lie within a stretch of the text."""
        first = bisect_left(self.words, start, key=lambda word: word.start)
        last = bisect_left(self.words, end, key=lambda word: word.start)
        found = self.words[first:last]
        return found[:-1] if found and found[-1].end > end else found

    def letters_in(self, start: int, end: int) -> tuple[int, int]:
        """Which of the ``letters`` lie within a stretch of the text."""
        first, last = bisect_left(self.starts, start), bisect_left(self.starts, end)
        return first, last


@lru_cache(maxsize=32)
def fold(text: str) -> Folded:
    """The folded form of a text, in time linear in its length."""
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for piece in _PIECE.finditer(text):
        written, place = piece[0], piece.start()
        if written.isascii():
            letters.append(written.lower())
            starts.extend(range(place, piece.end()))
            ends.extend(range(place + 1, piece.end() + 1))
            continue
        for offset, character in enumerate(written):
            plain = _plain(character)
            letters.append(plain)
            starts.extend([place + offset] * len(plain))
            ends.extend([place + offset + 1] * len(plain))
    words = tuple(Word(_word(w[0]), w[0], w.start(), w.end()) for w in _WORD.finditer(text))
    return Folded(text, "".join(letters), tuple(starts), tuple(ends), words)


def folded_key(text: str) -> str:
    """What two spellings of one value have in common."""
    return " ".join(word.folded for word in fold(text).words)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "-" if folded in ("\u2212", "\u2013") else folded


def _word(written: str) -> str:
    if len(written) == 1 and not written.isalnum():
        return {"+": "positive", "-": "negative", "\u2212": "negative", "\u2013": "negative"}.get(written, written)
    if _GLUED_PROTEIN.fullmatch(written):
        written = written[1:]
    plain = written.lower() if written.isascii() else _plain(written)
    return plain if plain[:1].isdigit() else plain.replace("-", "")


def gaps_agree(left: str, right: str, gap: str, other: str) -> bool:
    """Whether two gaps between the same two folded characters mean the same.

    Between letters a hyphen may stand for a blank or for nothing, but a blank not for nothing ("a typical" is not
    "atypical"); between letter and digit anything but the end of a sentence may stand; digits never run together.
    """
    if gap == other:
        return True
    kinds = {_gap_kind(gap), _gap_kind(other)}
    if "break" in kinds:
        return False
    if left.isdigit() and right.isdigit():
        return "none" not in kinds
    if left.isalpha() and right.isalpha():
        return len(kinds) == 1 or "hyphen" in kinds or kinds in ({"blank", "mark"}, {"none", "dot"})
    return True


def _gap_kind(gap: str) -> str:
    if not gap:
        return "none"
    if _BREAK_GAP.search(gap):
        return "break"
    if not gap.strip():
        return "blank"
    if _DASH_GAP.fullmatch(gap):
        return "hyphen"
    return "dot" if gap == "." else "mark"
