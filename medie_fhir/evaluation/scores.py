"""Figures over notes: sums of what is right, wrong, missed, and the rates that they give."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from medie_fhir.evaluation.gold import parts
from medie_fhir.evaluation.verdicts import Verdict, Verdicts

__all__ = ["FieldScore", "Negatives", "Rates", "Scores", "Tally", "TrapScore", "macro_f1", "score", "tallies"]


class Tally(NamedTuple):
    """Sums over notes, of one field or of all.

    ``right``, ``wrong``, ``ignored``, ``forbidden`` count predicted values (forbidden ones are wrong too); ``gold`` and
    ``found`` gold values. ``exact`` counts notes whose values are the gold's to the letter (but for case and order);
    ``set_f1`` sums the notes' F1 of exact values, 1 where there are none on both sides.
    """

    notes: float = 0
    right: float = 0
    wrong: float = 0
    ignored: float = 0
    gold: float = 0
    found: float = 0
    forbidden: float = 0
    exact: float = 0
    set_f1: float = 0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))


class Rates(NamedTuple):
    """Precision (of what is predicted and not ignored), recall (of the gold), their harmonic mean; 0 of nothing."""

    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, tally: Tally) -> Rates:
        """The rates that the sums give."""
        precision = _share(tally.right, tally.right + tally.wrong)
        recall = _share(tally.found, tally.gold)
        return cls(precision, recall, _share(2 * precision * recall, precision + recall))


@dataclass(frozen=True, slots=True)
class FieldScore:
    """One field's sums and rates."""

    tally: Tally
    rates: Rates

    @property
    def exact_match(self) -> float:
        """The share of notes whose values are the gold's."""
        return _share(self.tally.exact, self.tally.notes)

    @property
    def exact_f1(self) -> float:
        """The mean over the notes of the F1 of exact values."""
        return _share(self.tally.set_f1, self.tally.notes)


@dataclass(frozen=True, slots=True)
class TrapScore:
    """Of the notes with a trap: how many it caught, and with how many values."""

    notes: int
    caught_notes: int
    caught_values: int


@dataclass(frozen=True, slots=True)
class Negatives:
    """Of the notes in which nothing is to be read: how many have no wrong value, and how many were invented in all."""

    notes: int
    clean: int
    invented: int


@dataclass(frozen=True, slots=True)
class Scores:
    """All the figures of a set of notes.

    ``ungrounded``: the share of predicted facts of which a span is not the evidence that they name, or that have none.
    """

    fields: Mapping[str, FieldScore]
    total: FieldScore
    macro_f1: float
    exact_match: float
    exact_f1: float
    forbidden: float
    ungrounded: float
    negatives: Negatives
    traps: Mapping[str, TrapScore]


_NOTHING: Final = Tally()


def tallies(verdicts: Verdicts, fields: Iterable[str]) -> dict[str, Tally]:
    """One note's sums, by field."""
    return {field: _tally(verdicts, field) for field in fields}


def score(notes: Sequence[Verdicts], fields: Sequence[str]) -> Scores:
    """The figures of the notes."""
    sums = dict.fromkeys(fields, _NOTHING)
    for note in notes:
        for field, tally in tallies(note, fields).items():
            sums[field] = sums[field].plus(tally)
    total = _NOTHING
    for tally in sums.values():
        total = total.plus(tally)
    by_field = {field: FieldScore(tally, Rates.of(tally)) for field, tally in sums.items()}
    return Scores(
        fields=by_field,
        total=FieldScore(total, Rates.of(total)),
        macro_f1=macro_f1(sums.values()),
        exact_match=_mean([one.exact_match for one in by_field.values()]),
        exact_f1=_mean([one.exact_f1 for one in by_field.values()]),
        forbidden=_share(total.forbidden, total.right + total.wrong + total.ignored),
        ungrounded=_ungrounded(notes),
        negatives=_negatives(notes),
        traps=_traps(notes),
    )


def macro_f1(sums: Iterable[Tally]) -> float:
    """The mean of the fields' F1."""
    return _mean([Rates.of(tally).f1 for tally in sums])


def _tally(verdicts: Verdicts, field: str) -> Tally:
    judged = verdicts.of_field(field)
    gold = verdicts.note.gold.get(field, ())
    kinds = Counter(one.verdict for one in judged)
    separator = (verdicts.separators or {}).get(field)
    predicted = _exact((one.fact.value for one in judged), separator)
    expected = _exact(gold, separator)
    together = len(predicted) + len(expected)
    return Tally(
        notes=1,
        right=kinds[Verdict.RIGHT],
        wrong=kinds[Verdict.WRONG],
        ignored=kinds[Verdict.IGNORED],
        gold=len(gold),
        found=len({index for one in judged for index in one.gold}),
        forbidden=sum(one.trap is not None for one in judged),
        exact=predicted == expected,
        set_f1=2 * len(predicted & expected) / together if together else 1.0,
    )


def _exact(values: Iterable[str], separator: re.Pattern[str] | None) -> frozenset[str]:
    """The items of the values, as the gold's form parts them and then the task."""
    items = (part for value in values for part in parts(value))
    parted = items if separator is None else (item for part in items for item in parts(part, separator))
    return frozenset(item.strip(" .").casefold() for item in parted)


def _ungrounded(notes: Sequence[Verdicts]) -> float:
    facts = [(note, one.fact) for note in notes for one in note.judged]
    without = sum(
        not fact.evidence or any(note.note.text[e.start : e.end] != e.text for e in fact.evidence)
        for note, fact in facts
    )
    return _share(without, len(facts))


def _negatives(notes: Sequence[Verdicts]) -> Negatives:
    invented = [sum(one.verdict is Verdict.WRONG for one in n.judged) for n in notes if n.note.is_negative]
    return Negatives(len(invented), invented.count(0), sum(invented))


def _traps(notes: Sequence[Verdicts]) -> dict[str, TrapScore]:
    names = sorted({trap for note in notes for trap in note.caught})
    caught = {name: [note.caught[name] for note in notes if name in note.caught] for name in names}
    return {name: TrapScore(len(each), sum(map(bool, each)), sum(each)) for name, each in caught.items()}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _mean(values: Sequence[float]) -> float:
    return _share(sum(values), len(values))
