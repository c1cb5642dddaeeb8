"""Where in a note a value stands: exactly, but for its typography, or fuzzily; and what a field asks of the place.

``AlignRules`` are data of a task file, one for each field. Regular expressions are Python's, and don't look at case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pydantic import Field, field_validator

from medie_fhir.grounding.fold import Folded, fold, gaps_agree
from medie_fhir.grounding.fuzzy import fuzzy_spans, tells_a_result
from medie_fhir.grounding.surroundings import surroundings
from medie_fhir.model import Alignment, Assertion, Frozen, NoteText, Span

__all__ = ["AlignRules", "Aligned", "align", "context_of"]


class AlignRules(Frozen):
    """How the values of one field stand in notes. All keys are optional.

    ``core``: a regex that a whole value may match; its group ``value`` is the part to put into ``forms``.
    ``forms``: regexes with ``{value}`` in them, other ways in which a note writes the value.
    ``bare_needs_form``: a value that this matches as a whole is sought through ``forms`` only ("IV": never "IV
    fluids").
    ``context``: what the mention's sentence, or the line that leads in its list, must match to be a mention.
    ``before`` and ``after``: what may be glued to a mention without making it another word ("p" before "T3").
    ``not_before`` and ``not_after``: what may not stand next to a mention ("HER2" in "HER2-targeted therapy").
    ``droppable``: words of a value that the note may leave out when the others stand together ("mutation").
    ``fuzzy``: whether fuzzy alignment is tried.
    ``ignores``: categories of cues that say nothing about this field (a cancer is not planned).
    ``section_assertions``: what a section by itself says of the field, by its kind ("plan": "planned").
    ``needs``: fields of which the note must assert a value, of the patient, for one of this field to be more than
    possible: an ectomy treats a cancer only where there is one.
    """

    core: str | None = None
    forms: tuple[str, ...] = ()
    bare_needs_form: str | None = None
    context: str | None = None
    before: str | None = None
    after: str | None = None
    not_before: str | None = None
    not_after: str | None = None
    droppable: frozenset[str] = frozenset()
    fuzzy: bool = True
    ignores: frozenset[str] = frozenset()
    section_assertions: Mapping[str, Assertion] = Field(default_factory=dict)
    needs: frozenset[str] = frozenset()

    @field_validator("core", "bare_needs_form", "context", "before", "after", "not_before", "not_after")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            _regex(pattern)
        return pattern

    @field_validator("forms")
    @classmethod
    def _holds_the_value(cls, forms: tuple[str, ...]) -> tuple[str, ...]:
        for form in forms:
            if "{value}" not in form:
                raise ValueError("a form must hold {value}")
            _regex(form.replace("{value}", "x"))
        return forms


@dataclass(frozen=True, slots=True)
class Aligned:
    """How a value was found, and all its mentions in the plain text, in order; none for ``Alignment.NONE``."""

    alignment: Alignment
    spans: tuple[Span, ...] = ()


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as fault:
        raise ValueError(f"not a regular expression: {fault}") from fault


def align(value: str, note: NoteText, window: Span, rules: AlignRules) -> Aligned:
    """All mentions of a value in a window of a note, by the best way of finding any.

    Every span lies in the window. Mentions that the field's rules refuse are none.
    """
    value = value.strip()
    if not value:
        return Aligned(Alignment.NONE)
    if rules.bare_needs_form and _regex(rules.bare_needs_form).fullmatch(value):
        spans = _kept(_by_forms(value, note, window, rules), note, rules)
    else:
        spans = _kept(_literal(value, note, window, rules), note, rules)
        spans = spans or _kept(_by_forms(value, note, window, rules), note, rules)
    if spans:
        exact = any(note.text[s.start : s.end] == value for s in spans)
        return Aligned(Alignment.EXACT if exact else Alignment.NORMALISED, spans)
    if rules.fuzzy and not (rules.bare_needs_form and _regex(rules.bare_needs_form).fullmatch(value)):
        found = fuzzy_spans(value, note.text, _sentences(note, window), rules.droppable)
        if spans := _kept((span for span in found if _bounded(note.text, span, rules)), note, rules):
            return Aligned(Alignment.FUZZY, spans)
    if _is_pointed_at(value, note, window) and (spans := _kept(iter((window,)), note, rules)):
        return Aligned(Alignment.NORMALISED, spans)
    return Aligned(Alignment.NONE)


def _is_pointed_at(value: str, note: NoteText, window: Span) -> bool:
    """Whether a window is no more than the place where a reader saw the value, which is its two ends.

    "PSA on 3/4/2010 was 5.6" says "PSA 5.6". A window is such a place where it is a part of one sentence.
    """
    if window.end - window.start > _LONGEST_PLACE or not any(
        s.start <= window.start and window.end <= s.end and s != window for s in note.sentences
    ):
        return False
    shouted = note.text[slice(*window)].isupper()
    wanted, there = value.split(), note.text[slice(*window)].split()
    return there == wanted or any(
        there[:cut] == wanted[:cut]
        and there[cut - len(wanted) :] == wanted[cut:]
        and not any(_parts(word, shouted=shouted) for word in there[cut : cut - len(wanted)])
        for cut in range(1, len(wanted))
    )


def _parts(word: str, *, shouted: bool) -> bool:
    """Whether what stands behind a word is of something else: of another result, another gene, another statement."""
    named = word.isalpha() and word.isupper() and not shouted
    return named or word.endswith(";") or tells_a_result(word.lower().strip(",:;()"))


def _sentences(note: NoteText, window: Span) -> list[Span]:
    """The parts of sentences that lie in the window; the window itself where the note has no sentences."""
    if not note.sentences:
        return [window]
    parts = (Span(max(s.start, window.start), min(s.end, window.end)) for s in note.sentences)
    return [part for part in parts if part.start < part.end]


def _literal(value: str, note: NoteText, window: Span, rules: AlignRules) -> Iterator[Span]:
    """Where the value stands but for case, white space, hyphens and Unicode forms."""
    wanted, text = fold(value), fold(note.text)
    first, last = text.letters_in(*window)
    place = text.letters.find(wanted.letters, first, last) if wanted.letters else -1
    while place >= 0:
        end = place + len(wanted.letters)
        span = Span(text.starts[place], text.ends[end - 1])
        if span.end <= window.end and _bounded(note.text, span, rules) and _same_gaps(wanted, text, place):
            yield span
            place = text.letters.find(wanted.letters, end, last)
        else:
            place = text.letters.find(wanted.letters, place + 1, last)


def _same_gaps(wanted: Folded, text: Folded, place: int) -> bool:
    for i in range(len(wanted.letters) - 1):
        gap = wanted.text[wanted.ends[i] : wanted.starts[i + 1]]
        there = text.text[text.ends[place + i] : text.starts[place + i + 1]]
        if gap != there and not gaps_agree(wanted.letters[i], wanted.letters[i + 1], gap, there):
            return False
    return True


_LONGEST_PLACE = 160  # characters
_GLUED_AFTER = re.compile(r"[.,]\d|[-–](?:\d|[IVX]+\b)")
_GLUED_BEFORE = re.compile(r"(?:\d[.,]|\d[-–])$")
_NEGATED_WORD = re.compile(r"\bnon[-–\s]?$", re.IGNORECASE)
_NUMERAL_END = re.compile(r"(?:\d|\b[IVX]+)[A-Da-d]?$")


def _bounded(text: str, span: Span, rules: AlignRules) -> bool:
    """Whether a span is a whole word or words: "stage I" is not in "stage IA", nor "small cell" in "non-small cell"."""
    before, after = text[max(0, span.start - 12) : span.start], text[span.end : span.end + 12]
    inside = text[span.start : span.end]
    if before[-1:].isalnum() and inside[0].isalnum() and not _glued(rules.before, before, at_end=True):
        return False
    if after[:1].isalnum() and inside[-1].isalnum() and not _glued(rules.after, after, at_end=False):
        return False
    if inside[0].isdigit() and _GLUED_BEFORE.search(before):
        return False
    if _NUMERAL_END.search(inside) and _GLUED_AFTER.match(after):
        return False
    return not _NEGATED_WORD.search(before)


def _glued(tolerated: str | None, neighbour: str, *, at_end: bool) -> bool:
    if tolerated is None:
        return False
    pattern = rf"(?<![^\W_])(?:{tolerated})$" if at_end else rf"(?:{tolerated})(?![^\W_])"
    found = _regex(pattern)
    return bool(found.search(neighbour) if at_end else found.match(neighbour))


def _by_forms(value: str, note: NoteText, window: Span, rules: AlignRules) -> Iterator[Span]:
    """Where a note writes the value in another of the field's ways."""
    core = _regex(rules.core).fullmatch(value) if rules.core else None
    if rules.core and not core:
        return
    part = core["value"] if core and "value" in core.re.groupindex else value
    for form in rules.forms:
        pattern = _regex(rf"(?<![^\W_])(?:{form.replace('{value}', re.escape(part))})(?![^\W_])")
        for match in pattern.finditer(note.text, window.start, window.end):
            if _bounded(note.text, Span(*match.span()), rules):
                yield Span(*match.span())


def context_of(note: NoteText, span: Span, rules: AlignRules) -> tuple[Span, ...]:
    """The words of a mention's sentence that its field's ``context`` asks for; none where only the lead has them."""
    if not rules.context:
        return ()
    sentence = surroundings(note, span).sentence
    return tuple(Span(*found.span()) for found in _regex(rules.context).finditer(note.text, *sentence))


def _kept(spans: Iterator[Span], note: NoteText, rules: AlignRules) -> tuple[Span, ...]:
    """Those that the field's rules take for mentions, in order."""
    kept: set[Span] = set()
    for span in spans:
        before, after = note.text[max(0, span.start - 40) : span.start], note.text[span.end : span.end + 40]
        if rules.not_before and _regex(rf"(?:{rules.not_before})$").search(before):
            continue
        if rules.not_after and _regex(rules.not_after).match(after):
            continue
        if rules.context and not surroundings(note, span).matches(_regex(rules.context)):
            continue
        kept.add(span)
    return tuple(sorted(kept))
