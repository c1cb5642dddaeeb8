"""A reliability diagram as inline SVG: how many are right of what is said to be so probable, by tenths."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from medie_fhir.evaluation.calibration import Calibration

__all__ = ["Plot", "reliability_svg"]

Plot = tuple[str, Sequence[tuple[str, Calibration]]]
"""A title, and what is shown in one diagram, by name: two at most."""

_SIDE: Final = 240
_MARGIN: Final = 34
_WIDE: Final = 150  # of the legend
_LINES: Final = (("#8a6100", "6 4", "none"), ("#0b5394", "none", "#0b5394"))  # told apart by more than their colours


def reliability_svg(plot: Plot) -> str:
    """The diagram. A point on the diagonal is as often right as it says; a greater one stands for more values."""
    title, shown = plot
    size = _SIDE + 2 * _MARGIN
    area = f'width="{size + _WIDE}" height="{size}" viewBox="0 0 {size + _WIDE} {size}"'
    parts = [
        f"<h2>{escape(title)}</h2>",
        f'<svg role="img" {area} font-size="11"><title>{escape(title)}</title>',
        f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#888"/>',
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#bbb"/>',
        *(_tick(tenths / 10) for tenths in (0, 5, 10)),
        f'<text x="{_x(0.5)}" y="{size - 4}" text-anchor="middle">confidence</text>',
        f'<text x="4" y="{_MARGIN - 10}">share that is right</text>',
    ]
    for place, ((name, calibration), style) in enumerate(zip(shown, _LINES, strict=False)):
        parts.append(_line(name, calibration, style, _MARGIN + 20 * (place + 1)))
    return "".join(parts) + "</svg>"


def _tick(value: float) -> str:
    return (
        f'<text x="{_x(value)}" y="{_y(0) + 14}" text-anchor="middle">{value:g}</text>'
        f'<text x="{_MARGIN - 4}" y="{_y(value) + 4}" text-anchor="end">{value:g}</text>'
    )


def _line(name: str, calibration: Calibration, style: tuple[str, str, str], legend: int) -> str:
    colour, dashes, fill = style
    look = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
    most = max((b.values for b in calibration.bins), default=1)
    points = " ".join(f"{_x(b.confidence)},{_y(b.right)}" for b in calibration.bins)
    dots = (
        f'<circle cx="{_x(b.confidence)}" cy="{_y(b.right)}" r="{2 + 5 * (b.values / most) ** 0.5:.1f}"'
        f' fill="{fill}" stroke="{colour}"><title>{b.values} values, {b.confidence:.2f} said, {b.right:.2f} right'
        "</title></circle>"
        for b in calibration.bins
    )
    start = _SIDE + 2 * _MARGIN
    said = "" if calibration.error is None else f", error {calibration.error:.3f}"
    return (
        f'<polyline points="{points}" fill="none" {look}/>{"".join(dots)}'
        f'<line x1="{start - 20}" y1="{legend - 4}" x2="{start}" y2="{legend - 4}" {look}/>'
        f'<text x="{start + 4}" y="{legend}">{escape(name)}{said}</text>'
    )


def _x(share: float) -> float:
    return round(_MARGIN + share * _SIDE, 1)


def _y(share: float) -> float:
    return round(_MARGIN + (1 - share) * _SIDE, 1)
