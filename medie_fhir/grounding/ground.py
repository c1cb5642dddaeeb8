"""Values that readers saw → facts: where they stand in the note, and what the note says of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from medie_fhir.grounding.align import Aligned, AlignRules, align, context_of
from medie_fhir.grounding.context import assess
from medie_fhir.grounding.cues import Cues
from medie_fhir.grounding.fold import folded_key
from medie_fhir.model import Alignment, Assertion, Evidence, Experiencer, Fact, NoteText, RawValue, Sighting, Span

__all__ = ["Synonyms", "ground"]

Synonyms = Callable[[str, str], Iterable[str]]
"""Other wordings of a value of a field, from the terminology tables."""

_ALIGNMENTS = tuple(Alignment)
_ASSERTIONS = tuple(Assertion)
_NO_RULES = AlignRules()
_MOST_MENTIONS = 100  # of one value: a note that says it a thousand times must not hold up the others
_MOST_MAKERS = 10  # words that make a mention one, the nearest
_Said = tuple[Assertion, Experiencer]


def ground(
    values: Sequence[RawValue],
    note: NoteText,
    rules: Mapping[str, AlignRules],
    cues: Cues,
    synonyms: Synonyms | None = None,
) -> tuple[Fact, ...]:
    """One fact for each distinct value of a field, in the order in which they were first seen.

    Of several mentions, the first hundred at most, the most assertive ones count, and are the evidence: what is present
    in one sentence and possible in another is present. A value that stands nowhere in its window stays, ungrounded and
    without evidence.
    ``rules`` are by field; a field without any gets the defaults.
    """
    same: dict[tuple[str, str], list[RawValue]] = {}
    for value in values:
        same.setdefault((value.field, folded_key(value.value) or value.value), []).append(value)
    facts = [_fact(group, note, rules.get(group[0].field, _NO_RULES), cues, synonyms) for group in same.values()]
    asserted = {fact.field for fact in facts if _is_asserted(fact)}
    return tuple(_as_needed(fact, rules.get(fact.field, _NO_RULES), asserted) for fact in facts)


def _is_asserted(fact: Fact) -> bool:
    return bool(fact.evidence) and (fact.assertion, fact.experiencer) == (Assertion.PRESENT, Experiencer.PATIENT)


def _as_needed(fact: Fact, rules: AlignRules, asserted: Collection[str]) -> Fact:
    """A fact; at most possible where the note asserts nothing of the fields that it needs."""
    if not rules.needs or rules.needs & set(asserted) or fact.assertion in (Assertion.POSSIBLE, Assertion.ABSENT):
        return fact
    return fact.model_copy(update={"assertion": Assertion.POSSIBLE})


def _fact(group: Sequence[RawValue], note: NoteText, rules: AlignRules, cues: Cues, synonyms: Synonyms | None) -> Fact:
    found = [align(value.value, note, value.window, rules) for value in group]
    if synonyms and not any(aligned.spans for aligned in found):
        found = list(_by_concept(group, note, rules, synonyms))
    best = min((aligned.alignment for aligned in found), key=_ALIGNMENTS.index, default=Alignment.NONE)
    spans = sorted({span for aligned in found for span in aligned.spans})
    (assertion, experiencer), chosen = _most_assertive(spans, note, rules, cues)
    confidences = [value.confidence for value in group if value.confidence is not None]
    return Fact(
        field=group[0].field,
        value=group[0].value,
        evidence=tuple(_evidence(note, span) for span in chosen),
        alignment=best,
        assertion=assertion,
        experiencer=experiencer,
        confidence=max(confidences, default=None),
        readers=tuple(dict.fromkeys(value.reader for value in group)),
        sightings=_sightings(group),
    )


def _sightings(group: Sequence[RawValue]) -> tuple[Sighting, ...]:
    """Each reader's words, as it first gave them, and the most that it was sure of them."""
    by: dict[str, list[RawValue]] = {}
    for raw in group:
        by.setdefault(raw.reader, []).append(raw)
    return tuple(
        Sighting(
            reader=reader,
            value=seen[0].value,
            confidence=max((raw.confidence for raw in seen if raw.confidence is not None), default=None),
        )
        for reader, seen in by.items()
    )


def _by_concept(group: Sequence[RawValue], note: NoteText, rules: AlignRules, synonyms: Synonyms) -> Iterator[Aligned]:
    for value in group:
        for wording in synonyms(value.field, value.value):
            aligned = align(wording, note, value.window, rules)
            if aligned.spans:
                yield Aligned(Alignment.CONCEPT, aligned.spans)


def _most_assertive(
    spans: Sequence[Span], note: NoteText, rules: AlignRules, cues: Cues
) -> tuple[_Said, tuple[Span, ...]]:
    """What the most assertive mentions say, and which those are."""
    said: dict[_Said, list[Span]] = {}
    makers: dict[Span, Assertion] = {}
    for span in spans[:_MOST_MENTIONS]:
        said.setdefault(_said(span, note, rules, cues, makers), []).append(span)
    if not said:
        return (Assertion.PRESENT, Experiencer.PATIENT), ()
    best = min(said, key=lambda what: (what[1] is not Experiencer.PATIENT, _ASSERTIONS.index(what[0])))
    return best, tuple(said[best])


def _said(span: Span, note: NoteText, rules: AlignRules, cues: Cues, known: dict[Span, Assertion]) -> _Said:
    """What a mention says: no more than the words that make it one.

    "Brain: no evidence of metastases" negates the metastases, and what it says of the brain hangs on them. ``known``
    keeps what is said of such words, which several mentions share.
    """
    said = assess(note, span, cues, ignores=rules.ignores, section_assertions=rules.section_assertions)
    if said[0] is Assertion.ABSENT or not (makers := context_of(note, span, rules)):
        return said
    for maker in (nearest := sorted(makers, key=lambda m: abs(m.start - span.start))[:_MOST_MAKERS]):
        if maker not in known:
            known[maker] = assess(note, maker, cues, ignores=rules.ignores)[0]
    best = min((known[maker] for maker in nearest), key=_ASSERTIONS.index)
    return (best, said[1]) if best in (Assertion.POSSIBLE, Assertion.ABSENT) else said


def _evidence(note: NoteText, span: Span) -> Evidence:
    start, end = note.offsets.to_source(span)
    return Evidence(start=start, end=end, text=note.source[start:end], section=note.section_at(span.start))
