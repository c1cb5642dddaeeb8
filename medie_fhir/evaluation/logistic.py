"""Logistic regression with a Gaussian prior, for few features and small samples (Bishop 2006, 4.3.3 and 4.5).

In pure Python: with a dozen features Newton's method ends after a handful of steps of a dozen equations each.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

__all__ = ["Example", "fit"]

Example = tuple[Mapping[str, float], bool]
"""The features of one value, those that are not 0, and whether it is right."""

_MOST_STEPS: Final = 100
_ENOUGH: Final = 1e-8
_FLAT: Final = 40.0


def fit(
    examples: Sequence[Example],
    prior: Mapping[str, float],
    *,
    strength: Mapping[str, float],
    rising: Collection[str] = (),
) -> dict[str, float]:
    """The most probable weights of the features that ``prior`` names.

    Each weight is drawn to its prior's with a precision of ``strength`` (one over the variance, above 0), so that what
    the examples don't show stays there. Those of ``rising`` are not negative: what would be is 0, and the others are
    fitted without it.
    """
    free = list(prior)
    while True:
        weights = dict.fromkeys(prior, 0.0) | _newton(examples, {name: prior[name] for name in free}, strength)
        negative = {name for name in free if name in rising and weights[name] < 0}
        if not negative:
            return weights
        free = [name for name in free if name not in negative]


def _newton(examples: Sequence[Example], prior: Mapping[str, float], strength: Mapping[str, float]) -> dict[str, float]:
    """The weights by Newton's method, each step halved until it does not make things worse."""
    names = list(prior)
    rows = [[seen.get(name, 0.0) for name in names] for seen, _ in examples]
    right = [float(is_right) for _, is_right in examples]
    centre, pull = [prior[name] for name in names], [strength[name] for name in names]
    weights = list(centre)
    loss = _loss(weights, rows, right, centre, pull)
    for _ in range(_MOST_STEPS):
        step = _step(weights, rows, right, centre, pull)
        share = 1.0
        while True:
            tried = [w - share * s for w, s in zip(weights, step, strict=True)]
            now = _loss(tried, rows, right, centre, pull)
            if now <= loss or share < _ENOUGH:
                break
            share /= 2
        weights, gained, loss = tried, loss - now, now
        if gained < _ENOUGH:
            break
    return dict(zip(names, weights, strict=True))


def _step(
    weights: Sequence[float],
    rows: Sequence[Sequence[float]],
    right: Sequence[float],
    centre: Sequence[float],
    pull: Sequence[float],
) -> list[float]:
    """Newton's step: the gradient of the loss, by the inverse of its Hessian."""
    size = range(len(weights))
    gradient = [pull[i] * (weights[i] - centre[i]) for i in size]
    hessian = [[pull[i] if i == j else 0.0 for j in size] for i in size]
    for row, is_right in zip(rows, right, strict=True):
        p = _sigmoid(_dot(weights, row))
        shown = [i for i in size if row[i]]
        for i in shown:
            gradient[i] += (p - is_right) * row[i]
            for j in shown:
                hessian[i][j] += p * (1 - p) * row[i] * row[j]
    return _solved(hessian, gradient)


def _solved(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    """The solution of a positive definite system, by Gauss and Jordan's elimination."""
    rows = [[*row, value] for row, value in zip(matrix, vector, strict=True)]
    for i in range(len(rows)):
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for j in range(len(rows)):
            if j != i and (factor := rows[j][i]):
                rows[j] = [a - factor * b for a, b in zip(rows[j], rows[i], strict=True)]
    return [row[-1] for row in rows]


def _loss(
    weights: Sequence[float],
    rows: Sequence[Sequence[float]],
    right: Sequence[float],
    centre: Sequence[float],
    pull: Sequence[float],
) -> float:
    """The negative logarithm of the posterior, but for a constant."""
    loss = sum(p * (w - c) ** 2 for w, c, p in zip(weights, centre, pull, strict=True)) / 2
    for row, is_right in zip(rows, right, strict=True):
        z = _dot(weights, row)
        loss += max(z, 0.0) + math.log1p(math.exp(-abs(z))) - is_right * z
    return loss


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-min(max(z, -_FLAT), _FLAT)))
