"""How a remap is shown: its progress on stderr while it runs, and its report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.table import Table

from consumers.cli.options import err, out, progress
from consumers.cli.remap_servers import Needed
from consumers.remap import Failed, Remap, RemapReport
from consumers.remap.report import CHANGES, OUTCOMES

__all__ = ["Ticker", "failures", "line", "table"]

_LINE_S = 10.0
_AGAIN_S = 60.0
_NAMED = 5  # documents, of those that failed for one reason; --json names all


class Ticker:
    """A bar on a terminal; elsewhere a line every ten seconds. An outage is told in both, and then every minute.

    ``needed``: what is waited for, in words.
    """

    def __init__(self, work: Remap, needed: Needed) -> None:
        self._work, self._bar = work, progress()
        self._task = self._bar.add_task("documents", total=None)
        self._began = self._told = time.monotonic()
        self._needed = needed
        self._away: str | None = None
        self._away_told = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._away is not None:
            self.look()  # that it answers again is told even where the rest took no time at all
        self._bar.stop()

    def done(self) -> None:
        """One more is done."""
        work, now = self._work, time.monotonic()
        self._bar.update(self._task, total=work.total, completed=work.seen)
        if not err.is_terminal and now - self._told >= _LINE_S:
            self._told = now
            err.print(line(work.seen, work.total, now - self._began), highlight=False)

    def look(self) -> None:
        """Tell of an outage that has begun, that lasts, or that is over."""
        away, now = self._work.waiting, time.monotonic()
        if away is None:
            if self._away is not None:
                err.print(f"{self._away} answers again", highlight=False, soft_wrap=True)
            self._away = None
            return
        name = self._needed.words[away.dependency]
        if name != self._away or now - self._away_told >= _AGAIN_S:
            since = "" if name != self._away else f" for {away.seconds:,.0f} s now"
            err.print(f"{name} gives no answer{since}: waiting {self._needed.until}", highlight=False, soft_wrap=True)
            self._away, self._away_told = name, now


def line(seen: int, total: int, seconds: float) -> str:
    """How far it is, how fast, and how long it will still take."""
    pace = seen / seconds if seconds else 0.0
    left = f", {(total - seen) / pace:,.0f} s left" if pace else ""
    return f"{seen:,} of {total:,} documents, {pace:.1f}/s{left}"


def table(report: RemapReport, label: str, *, write: bool) -> None:
    """The report: the same words for what was written and for what would be."""
    documents = ", ".join(f"{report.documents[name]:,} {name}" for name in OUTCOMES if report.documents[name])
    out.print(f"{label}{'' if write else ' (dry run: nothing was written; --write writes it)'}", highlight=False)
    out.print(f"documents: {report.done:,}{f' ({documents})' if documents else ''}", highlight=False)
    if report.resources:
        shown = Table("field", box=None, pad_edge=False)
        for change in CHANGES:
            shown.add_column("kept for a person" if change == "kept" else change, justify="right")
        for field in sorted({field for field, _ in report.resources}):
            shown.add_row(field, *(f"{report.resources[field, change]:,}" for change in CHANGES))
        shown.add_row("all", *(f"{sum(n for (_, c), n in report.resources.items() if c == k):,}" for k in CHANGES))
        out.print(shown)
    for told in failures(report.failed):
        out.print(f"failed: {told}", highlight=False, soft_wrap=True)


def failures(failed: Sequence[Failed]) -> list[str]:
    """One line a reason, the most frequent first: of a common cause a person needs no more than a few documents."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for one in failed:
        by_reason.setdefault((one.error, one.message), []).append(one.document)
    lines = []
    for (error, message), documents in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        named, more = ", ".join(documents[:_NAMED]), len(documents) - _NAMED
        who = named if len(documents) == 1 else f"{len(documents):,} documents ({named}{', …' if more > 0 else ''})"
        lines.append(f"{who}: {error}: {message}")
    return lines
