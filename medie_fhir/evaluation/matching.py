"""Whether two wordings of a field are the same fact: by their words, with guards against cheap agreement.

Two wordings agree where at least half of the shorter one's content words are the other's too (overlap coefficient), and
no guard objects: another gene, organ, histology, side, stage, variant number, or one denies what the other asserts.
Lenient by design: what counts beside it is precision, and what a note forbids.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from medie_fhir.evaluation.vocabulary import FieldWords, Vocabulary

__all__ = ["NO_VALUES", "Likeness", "Matcher", "items"]

NO_VALUES: Final = frozenset(
    {"", "null", "none", "n/a", "na", "nil", "not specified", "not stated", "not mentioned", "not applicable"}
    | {"unknown", "not available", "not reported", "-", "[]"}
)

_ENOUGH = 0.5
_MOST_WORDS = 40  # a longer "value" is a copied passage, never a fact
_HYPHENS = re.compile("[\u2010\u2011\u2012\u2013\u2014\u00ad]")
_BLANK = re.compile(r"\s+")
_WORD = re.compile(r"[a-z0-9]+(?:\.[0-9]+)?%?")
_PARTED = re.compile(r"[;|](?![^()]*\))")  # "t(9;22)" is one
_NO_WORDS = FieldWords()


@dataclass(frozen=True, slots=True)
class Likeness:
    """Whether two wordings are the same fact, and how close they are (Jaccard index of all words), for ranking."""

    same: bool
    closeness: float


def items(value: str) -> tuple[str, ...]:
    """The facts of a value that is written as one text: parted by ``;`` and ``|`` outside of brackets.

    Words such as "none" are no fact.
    """
    parts = (_BLANK.sub(" ", part).strip(" .\t\n") for part in _PARTED.split(value))
    return tuple(part for part in parts if part.lower() not in NO_VALUES)


class Matcher:
    """Compares wordings by a vocabulary. Keeps the words of each wording that it has seen."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._seen: dict[tuple[str, str], frozenset[str]] = {}

    def compare(self, predicted: str, gold: str, field: str, *, forbidden: bool = False) -> Likeness:
        """How a predicted value stands to a gold one; ``forbidden``: to one that the note forbids."""
        a, b = self.words(predicted, field), self.words(gold, field)
        if len(a) > _MOST_WORDS or not a or not b:
            return Likeness(same=False, closeness=0.0)
        minds = self._minds(field)
        polarity = minds.polarity and (minds.forbidden_polarity or not forbidden)
        same = not self._conflict(a, b, minds, polarity=polarity) and _overlap(*self._content(a, b, minds)) >= _ENOUGH
        return Likeness(same, len(a & b) / len(a | b))

    def words(self, text: str, field: str) -> frozenset[str]:
        """The words of a wording, rewritten and each as its preferred synonym."""
        key = (field, text)
        if key not in self._seen:
            minds = self._minds(field)
            found = _WORD.findall(self._rewritten(text, minds))
            self._seen[key] = frozenset(self._word(word, minds) for word in found)
        return self._seen[key]

    def _minds(self, field: str) -> FieldWords:
        return self._vocabulary.fields.get(field, _NO_WORDS)

    def _rewritten(self, text: str, minds: FieldWords) -> str:
        text = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")
        text = _BLANK.sub(" ", _HYPHENS.sub("-", text))
        for rewrite in (*self._vocabulary.rewrites, *minds.rewrites):
            text = rewrite(text)
        return text

    def _word(self, word: str, minds: FieldWords) -> str:
        for rewrite in minds.word_rewrites:
            word = rewrite(word)
        return self._vocabulary.preferred.get(word, word)

    def _content(
        self, a: frozenset[str], b: frozenset[str], minds: FieldWords
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Both without function words and the field's generic words; these stay where nothing else is left of one."""
        a_without, b_without = a - self._vocabulary.function_words, b - self._vocabulary.function_words
        a_core, b_core = a_without - minds.generic, b_without - minds.generic
        return (a_core, b_core) if a_core and b_core else (a_without or a, b_without or b)

    def _conflict(self, a: frozenset[str], b: frozenset[str], minds: FieldWords, *, polarity: bool) -> bool:
        """Whether they can't be the same fact, however many words they share."""
        lists, negations = self._vocabulary.lists, self._vocabulary.negations
        if polarity and bool(a & negations) != bool(b & negations):
            return True
        if any(_apart(a & lists[name], b & lists[name]) for name in minds.shares):
            return True
        if any((x in a and y in b) or (y in a and x in b) for x, y in minds.opposed):
            return True
        for alike in minds.alike:
            but = lists[alike.unless] if alike.unless else frozenset[str]()
            matching = [frozenset(word for word in words - but if alike.pattern.fullmatch(word)) for words in (a, b)]
            if _apart(*matching):
                return True
        return False


def _apart(a: frozenset[str], b: frozenset[str]) -> bool:
    return bool(a and b and not a & b)


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / min(len(a), len(b))
