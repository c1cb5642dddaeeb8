"""What is right and what is wrong in one note: a verdict on each predicted value, and what was missed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from medie_fhir.evaluation.gold import GoldNote
from medie_fhir.evaluation.matching import Matcher, items
from medie_fhir.model import Fact

__all__ = ["Judged", "Miss", "Verdict", "Verdicts", "judge_note"]

_FAILS_BY_FIELD = {"negated_metastasis": "metastasis_site", "negated_mutation": "gene_mutation"}


class Verdict(StrEnum):
    """What a predicted value is."""

    RIGHT = "right"
    WRONG = "wrong"
    IGNORED = "ignored"  # the gold calls it optional: neither rewarded nor penalised


@dataclass(frozen=True, slots=True)
class Judged:
    """One item of a predicted fact.

    ``trap``: that of the forbidden value that it is; ``gold``: the places of the gold values that it finds.
    """

    item: str
    fact: Fact
    verdict: Verdict
    trap: str | None = None
    gold: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Miss:
    """A gold value that nothing predicted finds."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Verdicts:
    """All of one note: what was predicted, what was missed, how often each of its traps caught.

    ``separators``: where a value of a field falls into items, by the task; exact values are compared by items.
    """

    note: GoldNote
    judged: tuple[Judged, ...]
    missed: tuple[Miss, ...]
    caught: Mapping[str, int]
    separators: Mapping[str, re.Pattern[str]] | None = None

    def of_field(self, field: str) -> tuple[Judged, ...]:
        """What was predicted for a field."""
        return tuple(judged for judged in self.judged if judged.fact.field == field)


def judge_note(
    note: GoldNote,
    facts: Sequence[Fact],
    fields: Iterable[str],
    matcher: Matcher,
    separators: Mapping[str, re.Pattern[str]] | None = None,
) -> Verdicts:
    """The verdicts on the facts that are predicted for a note.

    A value that is closer to what the note forbids than to any gold or optional value is wrong, and the trap caught;
    else it is right where it is the same fact as a gold value, ignored where an optional one, wrong otherwise.
    Several values may find one gold value, and one value several.
    """
    judged: list[Judged] = []
    missed: list[Miss] = []
    for field in fields:
        of_field = [
            _judge(item, fact, note, matcher) for fact in facts if fact.field == field for item in items(fact.value)
        ]
        found = {index for one in of_field for index in one.gold}
        judged += of_field
        gold = note.gold.get(field, ())
        missed += [Miss(field, value) for index, value in enumerate(gold) if index not in found]
    return Verdicts(note, tuple(judged), tuple(missed), _caught(note, judged), separators)


def _judge(item: str, fact: Fact, note: GoldNote, matcher: Matcher) -> Judged:
    field = fact.field
    found: list[int] = []
    allowed = -1.0
    for index, value in enumerate(note.gold.get(field, ())):
        for wording in note.wordings(value):
            likeness = matcher.compare(item, wording, field)
            if likeness.same:
                found.append(index)
                allowed = max(allowed, likeness.closeness)
    optional = [matcher.compare(item, value, field) for value in note.optional.get(field, ())]
    is_optional = any(likeness.same for likeness in optional)
    allowed = max([allowed, *(likeness.closeness for likeness in optional if likeness.same)])
    trap, closeness = _trap(item, note, field, matcher)
    if trap is not None and closeness > allowed:
        return Judged(item, fact, Verdict.WRONG, trap)
    if found:
        return Judged(item, fact, Verdict.RIGHT, gold=tuple(dict.fromkeys(found)))
    return Judged(item, fact, Verdict.IGNORED if is_optional else Verdict.WRONG)


def _trap(item: str, note: GoldNote, field: str, matcher: Matcher) -> tuple[str | None, float]:
    """The trap of the closest forbidden value that it is, and how close."""
    trap, closest = None, -1.0
    for forbidden in note.forbid:
        if forbidden.field == field:
            likeness = matcher.compare(item, forbidden.value, field, forbidden=True)
            if likeness.same and likeness.closeness > closest:
                trap, closest = forbidden.trap, likeness.closeness
    return trap, closest


def _caught(note: GoldNote, judged: Sequence[Judged]) -> Mapping[str, int]:
    """How many values each of the note's traps caught.

    A trap without a forbidden value that was hit catches any wrong value: of its field, where the gold has none of it
    (negated metastases and mutations); of any field, in a note where nothing is to be read.
    """
    caught = Counter(one.trap for one in judged if one.trap)
    wrong = Counter(one.fact.field for one in judged if one.verdict is Verdict.WRONG)
    if note.is_negative and wrong:
        caught["pure_negative"] += wrong.total()
        if "non_oncology" in note.traps:
            caught["non_oncology"] += wrong.total()
    for trap, field in _FAILS_BY_FIELD.items():
        if trap in note.traps and not note.gold.get(field) and not caught[trap]:
            caught[trap] += wrong[field]
    return {trap: caught[trap] for trap in dict.fromkeys(note.traps)}
