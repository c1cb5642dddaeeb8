"""How sure the figures are: percentile bootstrap over notes, and the paired one of two runs on the same notes.

Notes are drawn, not values: the values of one note hang together (Efron and Tibshirani 1993, ch. 13; paired, for
extraction: Berg-Kirkpatrick et al. 2012). Chance comes in by a generator that the caller seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from medie_fhir.evaluation.scores import Rates, Tally, macro_f1, tallies
from medie_fhir.evaluation.verdicts import Verdicts

__all__ = ["Chance", "Difference", "Interval", "differences", "intervals"]

RESAMPLES = 1000
_TAIL = 0.025


class Chance(Protocol):
    """A generator such as ``random.Random(seed)``."""

    def choices(self, population: Sequence[int], *, k: int) -> list[int]:
        """``k`` of the population, each drawn anew."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and where 95 % of what the resamples gave lie."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How much a figure of one run is above the other's. ``p``: two-sided, of there being none."""

    value: float
    low: float
    high: float
    p: float

    @property
    def is_real(self) -> bool:
        """Whether the 95 % interval leaves zero out, and ``p`` is below 0.05: at the edge the two may disagree."""
        return (self.low > 0 or self.high < 0) and self.p < 2 * _TAIL


def intervals(
    notes: Sequence[Verdicts], fields: Sequence[str], chance: Chance, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """The figures by name (``macro_f1``, ``precision``, ``stage.f1`` …), with their intervals."""
    rows = _rows(notes, fields)
    drawn = [_figures(rows, fields, places) for places in _draws(len(rows), chance, resamples)]
    measured = _figures(rows, fields, range(len(rows)))
    return {name: Interval(value, *_ends([d[name] for d in drawn])) for name, value in measured.items()}


def differences(
    run: Sequence[Verdicts],
    other: Sequence[Verdicts],
    fields: Sequence[str],
    chance: Chance,
    resamples: int = RESAMPLES,
) -> dict[str, Difference]:
    """How far a run's figures are above another's, on the same notes in the same order. Raises ValueError otherwise."""
    if [verdicts.note.id for verdicts in run] != [verdicts.note.id for verdicts in other]:
        raise ValueError("two runs are compared on the same notes")
    ours, theirs = _rows(run, fields), _rows(other, fields)
    drawn = [
        _minus(_figures(ours, fields, places), _figures(theirs, fields, places))
        for places in _draws(len(ours), chance, resamples)
    ]
    every = range(len(ours))
    measured = _minus(_figures(ours, fields, every), _figures(theirs, fields, every))
    return {name: _difference(value, [d[name] for d in drawn]) for name, value in measured.items()}


def _rows(notes: Sequence[Verdicts], fields: Sequence[str]) -> list[list[float]]:
    """Each note's tallies, one after the other in a row: columns are summed far faster than tallies."""
    return [[count for tally in tallies(note, fields).values() for count in tally] for note in notes]


def _draws(count: int, chance: Chance, resamples: int) -> list[list[int]]:
    return [chance.choices(range(count), k=count) for _ in range(resamples)]


def _figures(rows: Sequence[Sequence[float]], fields: Sequence[str], places: Sequence[int]) -> dict[str, float]:
    sums = [sum(column) for column in zip(*(rows[place] for place in places), strict=True)]
    width = len(Tally._fields)
    by_field = {f: Tally(*sums[i * width : (i + 1) * width]) for i, f in enumerate(fields)} if sums else {}
    total = Tally()
    for tally in by_field.values():
        total = total.plus(tally)
    figures = {"macro_f1": macro_f1(by_field.values()), **Rates.of(total)._asdict()}
    figures["exact_f1"] = total.set_f1 / total.notes if total.notes else 0.0
    for field, tally in by_field.items():
        figures |= {f"{field}.{name}": rate for name, rate in Rates.of(tally)._asdict().items()}
    return figures


def _minus(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
    return {name: a[name] - b[name] for name in a}


def _difference(value: float, drawn: Sequence[float]) -> Difference:
    """``p`` counts the runs themselves as a draw (Davison and Hinkley 1997, 4.2): no number of draws makes it zero."""
    above = (1 + sum(d >= 0 for d in drawn)) / (1 + len(drawn))
    below = (1 + sum(d <= 0 for d in drawn)) / (1 + len(drawn))
    return Difference(value, *_ends(drawn), p=min(1.0, 2 * min(above, below)))


def _ends(drawn: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(drawn)
    return _quantile(ordered, _TAIL), _quantile(ordered, 1 - _TAIL)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile by linear interpolation (Hyndman and Fan 1996, type 7)."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
