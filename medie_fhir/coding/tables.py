"""The terminology tables in memory: what a wording names, and which wordings stand within a text.

See :mod:`medie_fhir.coding.load` for the files, and docs/terminology.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from medie_fhir.coding.wording import fold, words
from medie_fhir.model import Coding

__all__ = ["Entry", "Named", "Table", "Tables"]

_TOKEN = re.compile(r"[a-z0-9]+|\+")
_GAP = re.compile(r"[\s/.-]*")
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_PART = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One concept of a table: its name, its other wordings, codings and words by role, the place of its first row."""

    table: str
    slug: str
    name: str
    synonyms: tuple[str, ...] = ()
    codings: Mapping[str, tuple[Coding, ...]] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    place: str = ""

    @property
    def kind(self) -> str | None:
        """The one word of the role ``kind``."""
        return next(iter(self.words.get("kind", ())), None)

    @property
    def row(self) -> str:
        """The name of this entry in :attr:`Concept.row`."""
        return f"{self.table}:{self.slug}"


class Named(NamedTuple):
    """An entry and where a text names it."""

    entry: Entry
    start: int
    end: int


class _Phrase(NamedTuple):
    """The entry of a wording written without gaps, and where gaps may stand in it."""

    entry: Entry
    gaps: frozenset[int]


@dataclass(frozen=True)
class Table:
    """The entries of one table, by slug and by every folded wording.

    ``plurals``: singular and plural are one wording. ``exact``: a wording counts only in the letters of the table,
    upper and lower case, for most genes' symbols are words too (REST, SET, WAS).
    """

    name: str
    entries: Mapping[str, Entry]
    by_wording: Mapping[str, Entry]
    plurals: bool = False
    exact: bool = False

    def find(self, text: str) -> tuple[Entry, Literal["exact", "normalised", "synonym"]] | None:
        """The entry that a text names as a whole, and whether by its name (in these letters) or by a synonym."""
        folded = text.strip() if self.exact else fold(text, plurals=self.plurals)
        entry = self.by_wording.get(folded)
        if entry is None:
            return None
        if text.strip().casefold() == entry.name.casefold():
            return entry, "exact"
        return entry, "normalised" if folded == fold(entry.name, plurals=self.plurals) else "synonym"

    def named(self, text: str) -> Iterator[Named]:
        """The entries that stand in a text in its plain form, the longest wording first, none within another.

        Any space, hyphen, slash or full stop may stand between the words of a wording, and none within a word.
        """
        if self.exact:
            yield from self._symbols(text)
            return
        tokens = [match.span() for match in _TOKEN.finditer(text)]
        at = 0
        while at < len(tokens):
            hit = self._at(text, tokens, at)
            if hit is None:
                at += 1
            else:
                entry, last = hit
                yield Named(entry, tokens[at][0], tokens[last][1])
                at = last + 1

    def without_named(self, text: str) -> str:
        """The text with a space in the place of every wording that :meth:`named` gives."""
        for _, start, end in reversed(list(self.named(text))):
            text = f"{text[:start]} {text[end:]}"
        return text

    def is_a(self, entry: Entry, ancestor: Entry) -> bool:
        """Whether an entry is a kind of another, by the roles ``is-a``; each is one of itself."""
        seen: set[str] = set()
        slug: str | None = entry.slug
        while slug is not None and slug not in seen:
            if slug == ancestor.slug:
                return True
            seen.add(slug)
            slug = next(iter(self.entries[slug].words.get("is-a", ())), None)
        return False

    def _symbols(self, text: str) -> Iterator[Named]:
        """The wordings that stand as they are written in the table; of ABC1-XYZ2 both, where the whole is none."""
        for match in _SYMBOL.finditer(text):
            whole = self.by_wording.get(match.group())
            if whole is not None:
                yield Named(whole, *match.span())
                continue
            for part in _PART.finditer(text, *match.span()):
                entry = self.by_wording.get(part.group())
                if entry is not None:
                    yield Named(entry, *part.span())

    def _at(self, text: str, tokens: list[tuple[int, int]], first: int) -> tuple[Entry, int] | None:
        """The longest wording that begins with a token, and its last token."""
        start = tokens[first][0]
        if text[start] == "+" and text[start - 1 : start].isalnum():
            return None
        hit, joined, gaps = None, "", set[int]()
        for last in range(first, min(first + self._longest, len(tokens))):
            if last > first:
                if not _GAP.fullmatch(text, tokens[last - 1][1], tokens[last][0]):
                    break
                gaps.add(len(joined))
            joined += text[slice(*tokens[last])]
            phrase = self._phrases.get(joined)
            end = tokens[last][1]
            cut = text[end - 1] == "+" and text[end : end + 1].isalnum()
            if phrase is not None and gaps <= phrase.gaps and not cut:
                hit = phrase.entry, last
        return hit

    @cached_property
    def _phrases(self) -> Mapping[str, _Phrase]:
        """Made when a table is first asked what a text names: of most tables only whole values are looked up."""
        phrases: dict[str, _Phrase] = {}
        for entry in self.entries.values():
            for wording in (entry.name, *entry.synonyms):
                if self.by_wording.get(fold(wording, plurals=self.plurals)) is entry:
                    parts = words(wording)
                    ends = [sum(map(len, parts[: n + 1])) for n in range(len(parts))]
                    known = phrases.get("".join(parts))
                    gaps = frozenset(ends) | (known.gaps if known else frozenset())
                    phrases["".join(parts)] = _Phrase(entry, gaps)
        return phrases

    @cached_property
    def _longest(self) -> int:
        return max((len(phrase.gaps) for phrase in self._phrases.values()), default=0)


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables by name, and the SHA-256 digest of all their files."""

    tables: Mapping[str, Table]
    digest: str

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]
