"""HTML → plain text, with the place of every character."""

from __future__ import annotations

import html as standard
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document import html
from medie_fhir.errors import MalformedMarkup
from medie_fhir.model import OffsetMap, Span

NAMES = [
    "p",
    "div",
    "span",
    "b",
    "br",
    "li",
    "ul",
    "table",
    "tr",
    "td",
    "th",
    "h1",
    "pre",
    "s",
    "script",
    "title",
    "style",
    "x-y",
    "o:p",
]
TEXTS = st.text("Tumör <>&\n\t 3cm'\"", max_size=8)
ATTRIBUTES = st.sampled_from(["", ' class="a > b"', " style='white-space: pre-wrap'", " x=don't", ' y="<p>"', " "])
PIECES = st.one_of(
    TEXTS.map(standard.escape),
    TEXTS,
    st.sampled_from(["&nbsp;", "&lt", "&#x3b1;", "&bogus;", "<!-- c -->", "<!--", "<![CDATA[x]]>", "<!DOCTYPE html>"]),
    st.builds("<{}{}>".format, st.sampled_from(NAMES), ATTRIBUTES),
    st.sampled_from(NAMES).map("</{}>".format),
    st.sampled_from(NAMES).map("<{}/>".format),
)
HTML = st.lists(PIECES, max_size=25).map("".join)


def text_of(source: str) -> str:
    return html.read(source)[0]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<p>One<p>Two", "One\n\nTwo"),
        ("One<br>Two<br/><br>Three", "One\nTwo\n\nThree"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("<ul><li>One<li>Two</ul>After", "One\nTwo\n\nAfter"),
        ("<table><tr><td>T</td><td>N</td></tr><tr><td>2</td><td>1</td></tr></table>", "T\tN\n2\t1"),
        ("<table><tr><td><p>T</p></td><td><p>N</p></td></tr></table>", "T\tN"),
        ("<table><tr><td>T<td>N<tr><td>2<td>1</table>", "T\tN\n2\t1"),
        ("<table><tr><td>a<br>b</td><td></td><td>c</td></tr></table>", "a\nb\tc"),
        ("no\n   evidence of\nmetastasis", "no evidence of metastasis"),
        ("Tu<b>mo</b>ur <i>grade</i>&nbsp;2", "Tumour grade\u00a02"),
        ("<html><head><title>Report</title><style>p {}</style></head><body>Text</body></html>", "Text"),
        ("a<script>var x = '<p>'</script>b", "a b"),
        ("stage <s>IV</s> <del>IIIB</del> IIA", "stage IIA"),
        ("stage <s>II", "stage II"),
        ("<pre>a\n  b</pre>c", "a\n  b\n\nc"),
        ("<div style='white-space: pre-wrap'>a\n <div>b\n</div> c\n</div>d  e", "a\n \nb\n\n c\n\nd e"),
        ("CEA &lt; 5 <LOD and >3", "CEA < 5 <LOD and >3"),
        ("", ""),
        ("<p> </p>", ""),
    ],
)
def test_text_is_laid_out_as_a_browser_shows_it(source: str, text: str) -> None:
    assert text_of(source) == text


def test_ten_thousand_open_elements_are_no_recursion() -> None:
    assert text_of("<div>" * 10_000 + "deep") == "deep"


def test_a_span_of_the_text_is_found_in_what_was_written() -> None:
    source = "<p>Stage&nbsp;<b>II</b>A,&lt;3 cm</p>"
    text, offsets = html.read(source)
    start = text.index("IIA")
    assert source[slice(*offsets.to_source(Span(start, start + 3)))] == "II</b>A"
    start = text.index("<3")
    assert source[slice(*offsets.to_source(Span(start, start + 2)))] == "&lt;3"


def keeps_the_law(source: str, text: str, offsets: OffsetMap) -> None:
    assert len(text) <= len(source)
    place = source_place = 0
    for run in offsets.runs:
        assert run.start == place
        assert run.length > 0
        assert source_place <= run.source_start
        place, source_place = run.start + run.length, run.source_start + run.source_length
        assert source_place <= len(source)
        made, written = text[run.start : place], source[run.source_start : source_place]
        if run.length == run.source_length:
            assert all(a == b or (a.isspace() and b.isspace()) for a, b in zip(made, written, strict=True))
        elif not made.isspace():
            assert standard.unescape(written) == made
    assert place == len(text)


@given(HTML)
def test_every_character_maps_to_the_characters_that_make_it(source: str) -> None:
    with suppress(MalformedMarkup):
        keeps_the_law(source, *html.read(source))


@given(st.text())
def test_any_text_at_all_keeps_the_law(source: str) -> None:
    with suppress(MalformedMarkup):
        keeps_the_law(source, *html.read(source))


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1))
def test_escaped_text_comes_back(written: str) -> None:
    assert text_of(f"<p>{standard.escape(written)}</p>") == written
