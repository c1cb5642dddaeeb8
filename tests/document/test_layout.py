"""Plain text under construction, with the place in the source of every character."""

from __future__ import annotations

import html as standard

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document.layout import Gap, Layout
from medie_fhir.model import Run, Span


def flow(source: str) -> str:
    layout = Layout(source)
    layout.flowing(0, len(source))
    return layout.done()[0]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (" a \n\t b ", "a b"),
        ("a&nbsp;b", "a\u00a0b"),
        ("3&nbsp&lt 5&lt;6", "3\u00a0< 5<6"),
        ("&#945;-&#x3B1;", "α-α"),
        ("&#150;", "–"),
        ("R&D, AT&T; H&P", "R&D, AT&T; H&P"),
        ("&unknown; &;", "&unknown; &;"),
        ("&amp;lt;", "&lt;"),
        ("&#0;&#xD800;&#9999999;", "\ufffd\ufffd\ufffd"),
        ("&#99999999999;", "&#99999999999;"),
        ("a&#10;b", "a\nb"),
        ("&notit;", "¬it;"),
    ],
)
def test_white_space_collapses_and_character_references_are_characters(source: str, text: str) -> None:
    assert flow(source) == text


def test_the_larger_gap_wins_and_none_is_put_at_the_ends() -> None:
    layout = Layout("ab")
    layout.gap(Gap.PARAGRAPH)
    layout.raw(0, 1)
    for gap in (Gap.SPACE, Gap.LINE, Gap.CELL):
        layout.gap(gap)
    layout.raw(1, 2)
    layout.gap(Gap.LINE)
    assert layout.done()[0] == "a\nb"


def test_every_run_says_where_it_comes_from() -> None:
    layout = Layout("ab  &lt;c")
    layout.flowing(0, 9)
    text, offsets = layout.done()
    assert text == "ab <c"
    assert offsets.runs == (Run(0, 2, 0, 2), Run(2, 1, 2, 2), Run(3, 1, 4, 4), Run(4, 1, 8, 1))
    assert offsets.to_source(Span(1, 4)) == Span(1, 8)


@given(st.text("ab &;#x1ltg\n"))
def test_references_mean_what_they_mean_in_html(source: str) -> None:
    words = flow(source).split()
    assert words == standard.unescape(source).split() or "&#" in source
