"""A training's journal: a line of numbers at each step, told while it runs, and a drawing of them afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

__all__ = ["Journal", "Line", "drawing", "duration", "read_journal"]

Line = dict[str, float]
"""``step``, ``seconds`` of training so far, and ``loss`` with ``rate`` and ``tokens``, or ``validation``."""

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 360, 56, 40, 24
_SMOOTH = 0.9
_FONT = 'font-family="sans-serif" font-size="11"'


def read_journal(file: Path) -> list[Line]:
    """The lines of a journal; one that was cut off in writing is no line."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n")[:-1]]


class Journal:
    """Appends to a journal. One that goes on after a kill forgets the steps after the checkpoint: they come again."""

    def __init__(self, file: Path, last_step: int, total: int, tell: Callable[[str], None]) -> None:
        kept = [line for line in read_journal(file) if line["step"] <= last_step]
        file.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        self._file, self._total, self._tell, self._first = file, total, tell, last_step
        self._since = kept[-1]["seconds"] if kept else 0.0

    def write(self, line: Line) -> None:
        """Keep a line, and tell it with what is left at the pace so far."""
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        step = int(line["step"])
        if "validation" in line:
            self._tell(f"step {step}/{self._total}  validation loss {line['validation']:.4f}")
            return
        pace = (line["seconds"] - self._since) / max(1, step - self._first)
        left = duration(pace * (self._total - step))
        self._tell(f"step {step}/{self._total}  loss {line['loss']:.4f}  {pace:.1f} s a step  {left} left at most")


def duration(seconds: float) -> str:
    """A time as a person says it: ``1 h 05 min``, ``12 min``, ``40 s``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def drawing(lines: Sequence[Line]) -> str:
    """The losses by step, as an SVG: training (thin, and smoothed), validation (dots)."""
    loss = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    held = [(line["step"], line["validation"]) for line in lines if "validation" in line]
    steps = max((step for step, _ in (*loss, *held)), default=1.0)
    height = max((value for _, value in (*loss, *held)), default=1.0) * 1.05 or 1.0

    def place(step: float, value: float) -> tuple[float, float]:
        across = _LEFT + step / steps * (_WIDTH - _LEFT - 16)
        return across, _HEIGHT - _BOTTOM - value / height * (_HEIGHT - _BOTTOM - _TOP)

    def line(points: Sequence[tuple[float, float]], style: str) -> str:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        return f'<polyline points="{path}" fill="none" {style}/>'

    marks = [
        f'<line x1="{_LEFT}" x2="{_WIDTH - 16}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{height * i / 4:.2f}</text>'
        for i in range(5)
        for _, y in [place(0, height * i / 4)]
    ]
    across = [
        f'<text x="{place(steps * i / 4, 0)[0]:.1f}" y="{_HEIGHT - 18}" text-anchor="middle">{steps * i / 4:.0f}</text>'
        for i in range(5)
    ]
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#b3261e"/>' for x, y in (place(*p) for p in held)]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" {_FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
        *marks,
        *across,
        line(loss, 'stroke="#9db8d9" stroke-width="1"'),
        line(_smoothed(loss), 'stroke="#1f4e8c" stroke-width="2"'),
        line(held, 'stroke="#b3261e" stroke-width="1" stroke-dasharray="4 3"'),
        *dots,
        f'<text x="{_LEFT}" y="14">loss of an answer\'s token by step: training (blue), validation (red)</text>',
        "</svg>\n",
    ])  # fmt: skip


def _smoothed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    out = list(points[:1])
    for _, (step, value) in pairwise(points):
        out.append((step, _SMOOTH * out[-1][1] + (1 - _SMOOTH) * value))
    return out
