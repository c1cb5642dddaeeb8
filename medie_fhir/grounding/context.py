"""What a note says of a mention, and of whom: an own engine for the ConText algorithm.

Harkema H, Dowling JN, Thornblade T, Chapman WW. ConText: an algorithm for determining negation, experiencer, and
temporal status from clinical reports. J Biomed Inform 2009;42:839-851, after Chapman's NegEx (2001). In short: a cue
("no evidence of") speaks of what stands in its scope, forward or backward, up to a terminator ("but") or the
sentence's end. Of two cues that overlap the longer counts, and a pseudo-cue ("no change") speaks of nothing.

Ours beyond the paper: a cue within the mention itself says nothing new ("no evidence of disease"), and a mention that
holds its own result ("PR positive") takes none from what follows ("and HER2 negative"); a forward cue ends
where another begins, unless they follow on each other ("no history of"), while a person stays the subject of what
follows ("her mother was diagnosed with"); the line above a list speaks of its items; and the section speaks where the
sentence is silent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from medie_fhir.grounding.cues import BEGIN, CUE_WORD, WORD_KINDS, Category, Cue, Cues, Direction, cue_word
from medie_fhir.grounding.surroundings import ITEM_MARK, surroundings
from medie_fhir.model import Assertion, Experiencer, NoteText, Span

__all__ = ["assess"]

_ASSERTIONS = (  # where several cues speak, the first of these counts
    (Category.DECLINED, Assertion.ABSENT),
    (Category.ABSENT, Assertion.ABSENT),
    (Category.RESULT, Assertion.ABSENT),
    (Category.POSSIBLE, Assertion.POSSIBLE),
    (Category.PENDING, Assertion.POSSIBLE),
    (Category.PLANNED, Assertion.PLANNED),
    (Category.HISTORICAL, Assertion.HISTORICAL),
)
_SILENT = frozenset((Category.PSEUDO, Category.TERMINATOR, Category.CLAUSE))
_RESULTS = frozenset(  # "negative", "not seen"; "positive", "amplified"
    (Category.ABSENT, Category.RESULT, Category.TERMINATOR, Category.CLAUSE)
)
_OF_TITLES = frozenset((Category.ABSENT, Category.RESULT, Category.PENDING, Category.DECLINED))
_WHOSE = frozenset((Category.FAMILY, Category.OTHER))
_FOLLOWS_ON = 2  # words between two cues that speak together: "no known family history of"
_FURTHEST = 1000  # characters, in a sentence
_NOTHING: Mapping[str, Assertion] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Word:
    folded: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A cue at words ``first`` to ``last`` (half-open) of a stretch."""

    cue: Cue
    first: int
    last: int


def assess(
    note: NoteText,
    span: Span,
    cues: Cues,
    *,
    ignores: Collection[str] = (),
    section_assertions: Mapping[str, Assertion] = _NOTHING,
) -> tuple[Assertion, Experiencer]:
    """What the note says of the mention at ``span`` of its plain text.

    ``ignores`` are categories of cues that say nothing of this kind of mention. ``section_assertions`` say what a
    section by its kind makes of a mention of which no cue speaks; family and past history are built in.
    """
    around = surroundings(note, span)
    words = _words(note.text, around.lead, _near(around.sentence, span))
    everything = [f for f in _cues_in(words, cues, span) if f.cue.category not in ignores]
    found = [f for f in everything if not _within(words, f, span)]
    if any(f.cue.category in _RESULTS for f in everything if _within(words, f, span)):
        found = [f for f in found if not (f.cue.category in _RESULTS and f.cue.direction is Direction.BACKWARD)]
    target = [i for i, word in enumerate(words) if word.start < span.end and word.end > span.start]
    lead = sum(word.end <= around.lead.end for word in words) if around.lead else 0
    speaking = _speaking(found, target, words, lead) or _of_title(note.text, around.title, cues, ignores)
    section = note.section_at(span.start)
    return _assertion(speaking, section, section_assertions), _experiencer(speaking, words, section)


def _of_title(text: str, title: Span | None, cues: Cues, ignores: Collection[str]) -> frozenset[Category]:
    """What a line in capitals above says of all below it, where it ends with a cue of results: "NOT DETECTED"."""
    if title is None:
        return frozenset()
    words = [word for word in _words(text, None, title) if word.folded[0].isalnum()]
    ending = (f.cue for f in _cues_in(words, cues, title) if f.last == len(words))
    far = (c.category for c in ending if c.scope is None or c.scope > 1)  # "TESTING" speaks of the word beside it
    return frozenset(category for category in far if category in _OF_TITLES and category not in ignores)


def _near(sentence: Span, span: Span) -> Span:
    """The sentence, or of one without an end what no cue reaches beyond: the time stays linear in the note."""
    return Span(max(sentence.start, span.start - _FURTHEST), min(sentence.end, span.end + _FURTHEST))


def _words(text: str, lead: Span | None, sentence: Span) -> list[_Word]:
    words: list[_Word] = []
    for stretch in (lead, sentence) if lead else (sentence,):
        mark = ITEM_MARK.match(text, *stretch)
        begin: int | None = mark.end() if mark else stretch.start
        for match in CUE_WORD.finditer(text, *stretch):
            if begin is not None and match.start() >= begin:
                words.append(_Word(BEGIN, begin, begin))
                begin = None
            words.append(_Word(cue_word(match), match.start(), match.end()))
            if match[0] == ";":
                begin = match.end()
    return words if words and words[-1].folded == "." else [*words, _Word(".", sentence.end, sentence.end)]


def _cues_in(words: Sequence[_Word], cues: Cues, span: Span) -> Iterator[_Found]:
    """The cues of a stretch from left to right, at each place the longest, none within another.

    A pseudo-cue that takes in a part of the mention ("HER2 negative", of HER2) is none.
    """
    place = 0
    while place < len(words):
        longest = 0
        for cue in cues.by_first_word.get(words[place].folded, ()):
            if len(cue.words) < longest:
                break
            found = _Found(cue, place, place + len(cue.words))
            if not _is_at(cue, words, place) or (cue.category is Category.PSEUDO and _within(words, found, span)):
                continue
            longest = len(cue.words)
            yield found
        place += longest or 1


def _is_at(cue: Cue, words: Sequence[_Word], place: int) -> bool:
    if place + len(cue.words) > len(words):
        return False
    return all(
        words[at].folded == word or words[at].folded in WORD_KINDS.get(word, ())
        for at, word in enumerate(cue.words, place)
    )


def _within(words: Sequence[_Word], found: _Found, span: Span) -> bool:
    return words[found.first].start < span.end and words[found.last - 1].end > span.start


def _speaking(found: Sequence[_Found], target: Sequence[int], words: Sequence[_Word], lead: int) -> frozenset[Category]:
    """The categories of the cues in whose scope the target stands.

    A cue right before the colon of the line above a list (the first ``lead`` words) speaks of its items: "Declined:".
    """
    if not target:
        return frozenset()
    first, last = target[0], target[-1] + 1
    speaking: set[Category] = set()
    for number, one in enumerate(found):
        if one.cue.category in _SILENT:
            continue
        if one.last <= first and (one.cue.direction is not Direction.BACKWARD or one.last == lead - 1):
            between = found[number + 1 :]
            reaches = _reaches(words, one, between, one.last, first)
        elif one.first >= last and one.cue.direction is not Direction.FORWARD:
            between = found[:number]
            reaches = _reaches(words, one, between, last, one.first)
        else:
            continue
        if reaches:
            speaking.add(one.cue.category)
    return frozenset(speaking)


def _reaches(words: Sequence[_Word], one: _Found, others: Sequence[_Found], start: int, end: int) -> bool:
    """Whether nothing between a cue and the target, at words ``start`` to ``end``, cuts the cue off."""
    if one.cue.scope is not None and sum(w.folded[0].isalnum() for w in words[start:end]) > one.cue.scope:
        return False
    forward = one.last == start
    is_person = forward and one.cue.category in _WHOSE and one.cue.direction is Direction.BOTH
    chain = one.last
    for other in others:
        if not (start <= other.first and other.last <= end) or other.cue.category is Category.PSEUDO:
            continue
        if other.cue.category is Category.TERMINATOR:
            return False
        if is_person:
            continue
        if other.cue.category is Category.CLAUSE:
            return False
        if not forward or other.cue.direction is not Direction.FORWARD:
            continue
        if other.first - chain > _FOLLOWS_ON or any(word.folded == "," for word in words[chain : other.first]):
            return False
        chain = other.last
    return True


def _assertion(
    speaking: frozenset[Category], section: str | None, section_assertions: Mapping[str, Assertion]
) -> Assertion:
    for category, assertion in _ASSERTIONS:
        if category in speaking:
            return assertion
    if section is not None and section in section_assertions:
        return section_assertions[section]
    return Assertion.HISTORICAL if section == "past_history" else Assertion.PRESENT


def _experiencer(speaking: frozenset[Category], words: Sequence[_Word], section: str | None) -> Experiencer:
    if Category.FAMILY in speaking:
        return Experiencer.FAMILY
    if Category.OTHER in speaking:
        return Experiencer.OTHER
    if section == "family_history" and not any(w.folded in ("patient", "pt", "patient's", "she", "he") for w in words):
        return Experiencer.FAMILY
    return Experiencer.PATIENT
