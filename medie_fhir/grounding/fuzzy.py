"""Fuzzy alignment: the words of a value in another order, inflection or with a slip of the hand, close together.

It is made safe by what it never bends. A *critical* word (one with a digit, a roman numeral, a gene-like name, a word
of polarity or side) must stand as it is; and the stretch that is found may hold no other polarity, side or number
than the value, no negation that the value doesn't have, and no end of a clause.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from rapidfuzz.distance import Levenshtein

from medie_fhir.grounding.fold import Word, fold
from medie_fhir.model import Span

__all__ = ["critical", "fuzzy_spans", "same_word", "tells_a_result"]

_FUNCTION = re.compile(
    "of|the|an?|in|with|and|or|to|for|at|on|by|from|is|was|were|are|has|had|been?|as|that|this|which|her|his|its|into"
)
_POLES = (
    {"positive", "pos"},
    {"negative", "neg"},
    {"wild", "wt", "unmutated"},
    {"mutant", "mutated"},
    {"high"},
    {"low"},
    {"stable"},
    {"unstable"},
    {"amplified"},
    {"unamplified", "nonamplified"},
    {"methylated"},
    {"unmethylated"},
    {"complete"},
    {"partial"},
    {"resectable"},
    {"unresectable"},
    {"malignant"},
    {"benign"},
)
_POLE = {word: number for number, words in enumerate(_POLES) for word in words}
_RESULTS = _POLES[0] | _POLES[1]
_SIDES = frozenset(("left", "right", "bilateral"))
_NEGATION = re.compile(  # or a word that gives a neighbour another result
    "no|not|non|without|never|nor|neither|free|absent|denies|versus|vs|unlike|pending|unknown|weak|equivocal|borderline|"
    "except|but"
)
_ROMAN = re.compile(r"(?:X{0,1}(?:IX|IV|V?I{0,3}))(?:[A-D]\d?)?")
_GENE_LENGTH = 5  # a longer word in capitals is a word of a note in capitals
_MOST_BETWEEN = 4  # words between two of the value, "of", "the" and the like apart
_MOST_WITH_THESE = 8
_JOINT = re.compile(r"[,:/]|\b(?:and|or|with|plus)\b", re.IGNORECASE)
_LIST = re.compile(
    r"(?:\s*(?:,|/|\b(?:and|or)\b)+\s*(?:[^\W_]+(?:[-\s][^\W_]+)?)?)*[\s,:]*(?:was|were|is|are|both|all)?\s*",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r";|[.!?]\s|\bbut\b")
_BREAK = re.compile(r"[,;.!?]")
_BOUNDS = (
    re.compile(r"<(?!\s?=)|\b(?:less|lower|fewer|under|below)\b", re.IGNORECASE),
    re.compile(r">(?!\s?=)|\b(?:greater|higher|more|over|above|exceed\w*)\b", re.IGNORECASE),
    re.compile(r"≤|<\s?=|\b(?:at most|up to)\b", re.IGNORECASE),
    re.compile(r"≥|>\s?=|\bat least\b", re.IGNORECASE),
)

_ENDINGS = re.compile(
    r"(?:izations?|ations?|ized|ising|izing|ions?|ives?|ical|ic|al|ing|ed|es|ies|s|is|um|us|ae|a|as|y|e|ence|ent|"
    r"ences|ary|ian|ous|atous|tic|sis|ses|tases|tasis|tatic)$"
)
_STEM_LENGTH = 4
_BRITISH = (("aem", "em"), ("oes", "es"), ("oed", "ed"), ("aec", "ec"), ("mour", "mor"), ("paed", "ped"))
_TYPO_LENGTH, _TWO_TYPOS_LENGTH = 6, 12
_OPPOSED = (("hype", "hypo"), ("inter", "intra"), ("post", "pre"), ("macro", "micro"))
_LOOKALIKE = frozenset(
    frozenset(pair)
    for pair in ("il", "lt", "ij", "ce", "eo", "oc", "nu", "un", "hb", "rn", "mn", "vy", "uv", "gq", "ft", "sz", "ae")
)


def tells_a_result(word: str) -> bool:
    """Whether a word denies, or says a result of its own."""
    return word in _POLE or bool(_NEGATION.fullmatch(word))


def critical(word: Word) -> bool:
    """Whether a word must stand as it is: it names a number, a stage, a gene, a polarity or a side."""
    written = word.written
    return (
        any(c.isdigit() for c in written)
        or len(written) == 1
        or word.folded in _POLE
        or word.folded in _SIDES
        or bool(_NEGATION.fullmatch(word.folded))
        or bool(_ROMAN.fullmatch(written))
        or (written.isupper() and len(written) <= _GENE_LENGTH)
    )


@lru_cache(maxsize=4096)
def same_word(one: str, other: str) -> bool:
    """Whether two folded words are one word: inflected, spelt as in another country, or mistyped."""
    if one == other:
        return True
    one, other = _american(one), _american(other)
    if one[:1] != other[:1] or not (one.isalpha() and other.isalpha()):
        return False
    stem = _ENDINGS.sub("", one)
    if len(stem) >= _STEM_LENGTH and stem == _ENDINGS.sub("", other):
        return True
    return _mistyped(one, other)


def _american(word: str) -> str:
    for british, american in _BRITISH:
        word = word.replace(british, american)
    return word


def _mistyped(one: str, other: str) -> bool:
    """One letter too many, too few or swapped with its neighbour, or letters that look alike; two in a long word."""
    shorter = min(len(one), len(other))
    allowed = 2 if shorter >= _TWO_TYPOS_LENGTH else 1
    if shorter < _TYPO_LENGTH or any(tuple(sorted((one[: len(a)], other[: len(a)]))) == (a, b) for a, b in _OPPOSED):
        return False
    if Levenshtein.distance(one, other, score_cutoff=allowed) > allowed:
        return _swapped(one, other)
    return all(
        op.tag != "replace" or frozenset((one[op.src_pos], other[op.dest_pos])) in _LOOKALIKE
        for op in Levenshtein.editops(one, other)
    )


def _swapped(one: str, other: str) -> bool:
    """Whether two neighbouring letters changed places."""
    differ = [i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    return (
        len(one) == len(other)
        and len(differ) == len("ab")
        and differ[1] == differ[0] + 1
        and one[differ[0]] == other[differ[1]]
        and one[differ[1]] == other[differ[0]]
    )


def fuzzy_spans(value: str, text: str, sentences: Sequence[Span], droppable: Collection[str]) -> Iterator[Span]:
    """Where the words of a value stand together in a sentence. ``droppable`` words need not stand there."""
    wanted = [
        w for w in fold(value).words if not _FUNCTION.fullmatch(w.folded) or (critical(w) and w.written.isupper())
    ]
    needed = [w for w in wanted if critical(w) or w.folded not in droppable]
    if not needed:
        return
    owned = frozenset(w.folded for w in wanted)
    for sentence in sentences:
        words = fold(text).words_in(*sentence)
        for order in _tightest(_places(needed, words), len(needed)):
            found = words[order[0][0] : order[-1][0] + 1]
            span = Span(found[0].start, found[-1].end)
            if (
                _safe(found, needed, owned)
                and _hangs_together(text, words, order)
                and _owns_its_pole(text, words, order)
                and _bounds(text[span.start : span.end]) == _bounds(value)
            ):
                yield span


_Order = list[tuple[int, int]]
"""Which word of a sentence is which word of the value: (place, number), in order of place."""


def _places(needed: Sequence[Word], words: Sequence[Word]) -> _Order:
    """All candidates; none where a word of the value is missing."""
    places: _Order = []
    for number, want in enumerate(needed):
        strict = critical(want)
        before = len(places)
        for place, word in enumerate(words):
            same = want.folded == word.folded if strict else same_word(want.folded, word.folded)
            if same or (strict and want.folded in _POLE and _POLE.get(word.folded) == _POLE[want.folded]):
                places.append((place, number))
        if len(places) == before:
            return []
    return sorted(places)


def _tightest(places: _Order, needed: int) -> Iterator[_Order]:
    """The stretches, each as short as can be and none within another, that hold every word of the value."""
    latest: dict[int, int] = {}
    taken = -1
    for place, number in places:
        latest[number] = place
        if len(latest) == needed and min(latest.values()) > taken:
            yield sorted((place, number) for number, place in latest.items())
            taken = place


def _safe(found: Sequence[Word], needed: Sequence[Word], owned: frozenset[str]) -> bool:
    """Whether the words between those of the value say nothing against it."""
    if _polarity_of_another(found, owned):
        return False
    poles = {_POLE[w] for w in owned if w in _POLE}
    numbered = any(c.isdigit() for w in needed for c in w.written)
    staged = any(_ROMAN.fullmatch(w.written) for w in needed)
    for word in found:
        pole = _POLE.get(word.folded)
        if word.folded not in owned and (
            _NEGATION.fullmatch(word.folded)
            or (pole is not None and pole not in poles)
            or (word.folded in _SIDES and owned & _SIDES)
            or (numbered and any(c.isdigit() for c in word.written))
            or (staged and _ROMAN.fullmatch(word.written))
        ):
            return False
    return True


def _polarity_of_another(found: Sequence[Word], owned: frozenset[str]) -> bool:
    """Whether a result stands first in the stretch: it may be of the name before it ("HER2-positive and ER …")."""
    name = found[-1]
    named = critical(name) and name.folded not in _POLE and name.folded in owned
    return len(found) > len(("positive", "ER")) and found[0].folded in _RESULTS and named


def _owns_its_pole(text: str, words: Sequence[Word], order: _Order) -> bool:
    """Whether a pole that stands before its name, and in the value after it, is the name's own.

    It is another's in "ER positive, HER2 negative" and in "ER+ HER2-": HER2 is not positive.
    """
    (first, number), (following, _) = order[0], order[1] if len(order) > 1 else order[0]
    if words[first].folded not in _POLE or number == 0:
        return True
    if _JOINT.search(text[words[first].end : words[following].start]):
        return False
    last = order[-1][0]
    if last + 1 < len(words) and words[last + 1].folded in _POLE:
        return bool(_BREAK.search(text, words[last].end, words[last + 1].start))
    before = words[first - 1] if first else None
    if before is None or len(before.written) == 1 or not critical(before) or before.folded in _POLE:
        return True
    return bool(_BREAK.search(text, before.end, words[first].start))


def _bounds(text: str) -> frozenset[int]:
    """Which of less, more, at most and at least a text says: "50%" is not in "<50%"."""
    if not any(c.isdigit() for c in text):
        return frozenset()
    return frozenset(kind for kind, words in enumerate(_BOUNDS) if words.search(text))


def _hangs_together(text: str, words: Sequence[Word], order: _Order) -> bool:
    """Whether what stands between the words of the value joins them.

    In the value's order: a few words, or other members of a list that shares the last word ("liver and bone
    metastases"). In another order: "of the", "in the left", a comma; never "and".
    """
    for (place, number), (following, next_number) in pairwise(order):
        gap = text[words[place].end : words[following].start]
        extra = [w for w in words[place + 1 : following] if not _FUNCTION.fullmatch(w.folded)]
        mixed = _JOINT.search(gap)
        if len(extra) > _MOST_BETWEEN or following - place - 1 > _MOST_WITH_THESE or _CLAUSE_END.search(gap):
            return False
        if next_number > number and mixed and not _LIST.fullmatch(gap):
            return False
        if next_number < number and mixed and (extra or "," not in gap):
            return False
    return True
