"""What a run took: seconds and tokens a note."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from consumers.cli.evaluate.run_file import RunLine
from medie_fhir.model import Json, Outcome

__all__ = ["Cost", "cost"]

_PERCENTILES = 100


@dataclass(frozen=True, slots=True)
class Cost:
    """``seconds``: of waiting, a note, in order. ``cached``: notes with an answer that was kept from before.

    ``triaged``: notes that show no sign of the task's subject, and which no model was asked of. ``failed``: notes
    without a record, by what they met.
    """

    seconds: tuple[float, ...]
    prompt_tokens: int
    completion_tokens: int
    cached: int
    triaged: int
    failed: Counter[str]

    def view(self) -> Json:
        """As JSON."""
        count = len(self.seconds)
        return {
            "seconds_mean": statistics.fmean(self.seconds),
            "seconds_median": statistics.median(self.seconds),
            "seconds_p95": _p95(self.seconds),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "tokens_a_note": (self.prompt_tokens + self.completion_tokens) / count,
            "cached": self.cached,
            "triaged": self.triaged,
            "failed": self.failed.total(),
            "failed_by": dict(self.failed),
        }


def cost(lines: Sequence[RunLine]) -> Cost:
    """The cost of notes, of which there is at least one."""
    records = [line.record for line in lines if line.record]
    return Cost(
        seconds=tuple(sorted(line.seconds for line in lines)),
        prompt_tokens=sum(record.usage.prompt_tokens for record in records),
        completion_tokens=sum(record.usage.completion_tokens for record in records),
        cached=sum(record.usage.cached for record in records),
        triaged=sum(record.outcome is Outcome.TRIAGED for record in records),
        failed=Counter(line.error for line in lines if line.error),
    )


def _p95(ordered: Sequence[float]) -> float:
    return ordered[min(len(ordered) - 1, int(0.95 * _PERCENTILES) * len(ordered) // _PERCENTILES)]
