"""Where a text names what a terminology table knows: exact but for case, spelling, plural, and what parts the words.

Nothing here is guessed: a wording stands in the text word for word, or it does not. The places are those of the text
as it is, so that what is found needs no search again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

__all__ = ["Term", "Tokens", "Vocabulary", "Wording"]

_TOKEN = re.compile(r"[^\W_]+|\+")
_GAP = re.compile(r"[\s/.'’‐-―-]{0,12}")
_SPELLINGS = (("tumour", "tumor"), ("oesoph", "esoph"), ("oestr", "estr"), ("aemia", "emia"), ("haem", "hem"))
_IRREGULAR = {"metastases": "metastasis", "vertebrae": "vertebra", "mets": "metastasis", "biopsies": "biopsy"}
_ENDS_WITHOUT_PLURAL = ("ss", "us", "is")
_SHORTEST_PLURAL = 4  # "als" is no plural
_OF_A_PLACE = frozenset({"the", "left", "right"})  # after "of" they change no name: "cancer of the left breast"
_NEIGHBOURHOOD = 200  # characters of a line on either side that tell whether it is all in capitals


class Wording(NamedTuple):
    """A wording of a table: the entry that it names, and the entry's kind, where it has one."""

    text: str
    slug: str
    kind: str | None = None


class Term(NamedTuple):
    """A stretch of a text and the entry that it names."""

    start: int
    end: int
    slug: str
    kind: str | None


class Tokens:
    """The words of one text: made once, for all vocabularies that are sought in it. Indexes are those of ``spans``."""

    def __init__(self, text: str) -> None:
        matches = list(_TOKEN.finditer(text))
        self.text = text
        self.spans = [match.span() for match in matches]
        self.written = [match[0] for match in matches]

    @cached_property
    def folded(self) -> list[str]:
        """Each word as vocabularies that don't look at its letters' case know it."""
        return [_folded(word) for word in self.written]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The wordings of one table, by their words run together.

    ``exact``: a wording counts only in the letters of the table, upper and lower case, and is one word: most symbols
    of genes are words too (REST, SET, WAS). Else one of at most ``short`` letters counts in capitals only, where its
    line is not all in capitals: "ALL" is a leukaemia, and "all" and "IN ALL QUADRANTS" are not.
    """

    phrases: dict[str, Wording]
    beginnings: frozenset[str]
    exact: bool = False
    short: int = 4

    @classmethod
    def of(cls, wordings: Iterable[Wording], *, exact: bool = False, short: int = 4) -> Vocabulary:
        """A vocabulary; the first wording of the same words wins."""
        phrases: dict[str, Wording] = {}
        beginnings: set[str] = set()
        for wording in wordings:
            joined = ""
            for word in [wording.text] if exact else _words(wording.text):
                joined += word
                beginnings.add(joined)
            if joined:
                phrases.setdefault(joined, wording)
        return cls(phrases, frozenset(beginnings), exact, short)

    def find(self, text: str | Tokens) -> Iterator[Term]:
        """The entries that a text names, from left to right, the longest wording at each place, none within another."""
        tokens = text if isinstance(text, Tokens) else Tokens(text)
        words = tokens.written if self.exact else tokens.folded
        after = 0
        for at, word in enumerate(words):  # most words begin nothing
            if word not in self.beginnings or at < after or (hit := self._at(tokens, words, at)) is None:
                continue
            last, wording = hit
            yield Term(tokens.spans[at][0], tokens.spans[last][1], wording.slug, wording.kind)
            after = last + 1

    def _at(self, tokens: Tokens, words: list[str], first: int) -> tuple[int, Wording] | None:
        """The longest wording that begins with a token, and its last token."""
        text, spans = tokens.text, tokens.spans
        hit, joined, former = None, "", ""
        for place in range(first, len(spans)):
            start, end = spans[place]
            if place > first:
                if self.exact or not _GAP.fullmatch(text, spans[place - 1][1], start):
                    break
                if text[spans[place - 1][1] : start] in ("'", "’") and tokens.written[place] == "s":  # "Hodgkin's"
                    continue
            word = words[place]
            if former == "of" and word in _OF_A_PLACE:
                continue
            joined, former = joined + word, word
            wording = self.phrases.get(joined)
            if wording is not None and (self.exact or self._is_meant(text, spans[first][0], end)):
                hit = place, wording
            if joined not in self.beginnings:
                break
        return hit

    def _is_meant(self, text: str, start: int, end: int) -> bool:
        """Whether a short wording stands there as an abbreviation, and not as a word of the language."""
        written = text[start:end]
        if sum(c.isalnum() for c in written) > self.short:
            return True
        letters = [c for c in written if c.isalpha()]
        if not letters or sum(c.isupper() for c in letters) < len(letters) - 1 or not written[0].isupper():
            return False
        first = max(text.rfind("\n", 0, start) + 1, start - _NEIGHBOURHOOD)
        last = text.find("\n", end, end + _NEIGHBOURHOOD)
        line = text[first:start] + text[end : last if last >= 0 else end + _NEIGHBOURHOOD]
        return not line.isupper()


def _words(wording: str) -> Iterator[str]:
    """The words by which a wording is known."""
    former = ""
    for token in _TOKEN.findall(wording.replace("'s", "")):
        word = _folded(token)
        if former != "of" or word not in _OF_A_PLACE:
            yield word
            former = word


@lru_cache(maxsize=16384)
def _folded(word: str) -> str:
    """One word in lower case, American spelling, singular, without accents."""
    word = word.casefold()
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    for british, american in _SPELLINGS:
        word = word.replace(british, american)
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) >= _SHORTEST_PLURAL and word.endswith("s") and not word.endswith(_ENDS_WITHOUT_PLURAL):
        return word[:-1]
    return word
