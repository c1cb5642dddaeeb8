"""How sure the model was of a part of its answer: exp of the mean log probability of the tokens that make it."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

from medie_fhir.ports import ModelAnswer

__all__ = ["Confidence"]


class Confidence:
    """The tokens of one answer, laid along its text."""

    def __init__(self, answer: ModelAnswer) -> None:
        texts = [token.text for token in answer.tokens]
        # Servers give tokens before the text (blanks, which they strip) and after it (the end of the turn).
        shift = "".join(texts).find(answer.text)
        borders = pairwise(accumulate(map(len, texts), initial=-shift)) if shift >= 0 and answer.text else ()
        self._tokens = [(*border, token.logprob) for border, token in zip(borders, answer.tokens, strict=False)]

    def of(self, start: int, end: int) -> float | None:
        """In 0–1, of the answer's characters ``start`` to ``end``; None where the server's tokens don't tell.

        The geometric mean over the tokens, so that it doesn't fall with the length of the wording. A token that
        completes no character (the first bytes of one) counts with the character that it begins.
        """
        made_by = [p for left, right, p in self._tokens if left < end and max(right, left + 1) > start]
        if not made_by or not all(map(math.isfinite, made_by)):
            return None
        return min(1.0, math.exp(math.fsum(made_by) / len(made_by)))
