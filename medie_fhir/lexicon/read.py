"""NoteText → the values that tables and grammars see, each where it stands.

The second reader, beside the model: it invents nothing, for what it gives stands in the note word for word; what the
note says of a value (negation, family, plan) is for grounding, as with the model's. Linear in the note's length.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from medie_fhir.lexicon.aside import Aside
from medie_fhir.lexicon.file import Lexicon
from medie_fhir.lexicon.place import Places
from medie_fhir.lexicon.rule import Tests
from medie_fhir.lexicon.vocabulary import Term, Tokens, Vocabulary
from medie_fhir.model import NoteText, RawValue, Span

__all__ = ["READER", "read_lexically"]

READER = "lexicon"
"""The reader's name in the values it sees."""


@dataclass(frozen=True, slots=True)
class _Mention:
    """A mention; ``also`` is what the note says once of it and others, outside of it."""

    span: Span
    confidence: float
    also: Span | None = None

    def value(self, text: str) -> str:
        """The mention's words, and the others, in the order of the text."""
        return " ".join(" ".join(text[slice(*s)] for s in sorted(s for s in (self.span, self.also) if s)).split())

    @property
    def window(self) -> Span:
        """Where all of it stands."""
        also = self.also or self.span
        return Span(min(self.span.start, also.start), max(self.span.end, also.end))


def read_lexically(note: NoteText, lexicon: Lexicon, vocabularies: Mapping[str, Vocabulary]) -> tuple[RawValue, ...]:
    """All that the lexicon sees in a note, field by field, in the order of the text.

    Of mentions of one field that overlap, the longest counts. ``vocabularies``: those of ``lexicon.tables``, by name.
    """
    tokens = Tokens(note.text)
    terms = {name: tuple(vocabularies[name].find(tokens)) for name in sorted(lexicon.tables)}
    places, aside = Places(note), Aside(note, lexicon.asides)
    return tuple(
        RawValue(
            field=field,
            value=mention.value(note.text),
            window=mention.window,
            reader=READER,
            confidence=mention.confidence,
        )
        for field, rules in lexicon.tests.items()
        for mention in _seen(note.text, rules, terms, places)
        if not aside.holds(mention.window)
    )


def _seen(text: str, rules: Sequence[Tests], terms: Mapping[str, Sequence[Term]], places: Places) -> Sequence[_Mention]:
    """The mentions of one field; those of the rules that count alone where the others have none."""
    for alone in (False, True):
        own = (tests for tests in rules if tests.rule.only_alone is alone)
        if mentions := [mention for tests in own for mention in _mentions(text, tests, terms, places)]:
            return _longest(mentions)
    return ()


def _mentions(text: str, tests: Tests, terms: Mapping[str, Sequence[Term]], places: Places) -> Iterator[_Mention]:
    """The mentions of one rule."""
    if not places.open_to(tests):
        return
    for candidate, also in _candidates(text, tests, terms):
        if span := places.widened(candidate, tests):
            yield _Mention(span, tests.rule.confidence, also)


def _candidates(text: str, tests: Tests, terms: Mapping[str, Sequence[Term]]) -> Iterator[tuple[Span, Span | None]]:
    """What a rule's table or pattern finds, and what the text says once of it and others."""
    rule, pattern = tests.rule, tests.pattern
    if pattern is None:
        for term in terms[rule.table or ""]:
            if (not rule.kinds or term.kind in rule.kinds) and term.kind not in rule.not_kinds:
                yield Span(term.start, term.end), None
        return
    group = "value" if "value" in pattern.groupindex else 0
    more = "also" in pattern.groupindex
    for match in pattern.finditer(text):
        if match[group]:
            yield Span(*match.span(group)), Span(*match.span("also")) if more and match["also"] else None


def _longest(mentions: Iterable[_Mention]) -> list[_Mention]:
    """Those that overlap no longer one, in the order of the text."""
    taken: list[_Mention] = []
    kept: list[Span] = []
    for mention in sorted(mentions, key=lambda m: (m.span.start - m.span.end, m.span.start, -m.confidence)):
        at = bisect_right(kept, mention.span)
        if at and kept[at - 1].end > mention.span.start:
            continue
        if at < len(kept) and kept[at].start < mention.span.end:
            continue
        kept.insert(at, mention.span)
        taken.append(mention)
    return sorted(taken, key=lambda m: m.span)
