"""Whether a confidence of 0.9 is right nine times in ten: reliability bins and the expected calibration error."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from medie_fhir.evaluation.verdicts import Verdict, Verdicts
from medie_fhir.model import Fact

__all__ = ["Bin", "Calibration", "calibration"]

_BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """The values whose confidence is from ``low`` up to ``high``: how many, how sure on average, how many right."""

    low: float
    high: float
    values: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """``error``: the expected calibration error (Guo et al. 2017), the mean over the values of their bin's gap.

    None where no value has a confidence; ``without`` have none. What the gold calls optional is left out.
    """

    bins: tuple[Bin, ...]
    error: float | None
    without: int


def calibration(
    notes: Iterable[Verdicts], sure_of: Callable[[Fact], float | None] = lambda fact: fact.confidence
) -> Calibration:
    """The calibration of the confidences of what was predicted, in ten bins of one width."""
    judged = [one for note in notes for one in note.judged if one.verdict is not Verdict.IGNORED]
    told = [(sure_of(one.fact), one.verdict is Verdict.RIGHT) for one in judged]
    sure = [(confidence, right) for confidence, right in told if confidence is not None]
    bins = []
    for place in range(_BINS):
        held = [(confidence, right) for confidence, right in sure if min(int(confidence * _BINS), _BINS - 1) == place]
        if held:
            mean, right = (sum(column) / len(held) for column in zip(*held, strict=True))
            bins.append(Bin(place / _BINS, (place + 1) / _BINS, len(held), mean, right))
    error = sum(b.values * abs(b.confidence - b.right) for b in bins) / len(sure) if sure else None
    return Calibration(tuple(bins), error, len(judged) - len(sure))
