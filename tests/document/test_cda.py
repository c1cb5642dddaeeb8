"""A CDA document → the titles and the narrative of its sections."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document import cda
from medie_fhir.errors import MalformedMarkup, NoteSkipped
from medie_fhir.model import Span


def document(body: str) -> str:
    return (
        '<?xml version="1.0"?><?xml-stylesheet href="x"?><ClinicalDocument xmlns="urn:hl7-org:v3">'
        "<title>Discharge</title><recordTarget><patientRole><name>Jane Roe</name></patientRole></recordTarget>"
        f"<component>{body}</component></ClinicalDocument>"
    )


def sections(*bodies: str) -> str:
    inner = "".join(f"<component><section>{body}</section></component>" for body in bodies)
    return document(f"<structuredBody>{inner}</structuredBody>")


def text_of(source: str) -> str:
    return cda.read(source)[0]


def test_titles_and_narrative_are_read_and_nothing_else() -> None:
    source = sections(
        '<code code="1" displayName="Findings"/><title>Findings</title><text><paragraph>Tumour, '
        '<content styleCode="Bold">3 cm</content></paragraph><list><item>N1</item><item>M0</item></list></text>'
        "<entry><observation><text>coded</text><value>C50</value></observation></entry>",
        "<title>Plan</title><text>Chemotherapy</text>",
    )
    assert text_of(source) == "Findings\n\nTumour, 3 cm\n\nN1\nM0\n\nPlan\nChemotherapy"


def test_sections_within_sections_and_prefixed_names_are_read() -> None:
    source = sections(
        "<title>A</title><text>one</text><component><section><title>B</title><text>two</text></section></component>"
    )
    prefixed = source.replace("</", "</h:").replace("<", "<h:").replace("<h:/h:", "</h:").replace("<h:?", "<?")
    assert text_of(source) == text_of(prefixed) == "A\none\n\nB\ntwo"


def test_a_table_is_lines_of_cells() -> None:
    source = sections(
        "<text><table><thead><tr><th>T</th><th>N</th></tr></thead><tbody><tr><td>2</td><td>1</td></tr></tbody></table></text>"
    )
    assert text_of(source) == "T\tN\n2\t1"


def test_where_there_are_no_elements_the_lines_of_the_author_stay() -> None:
    assert text_of(sections("<text>ER positive\nHER2 &lt; 1+</text>")) == "ER positive\nHER2 < 1+"
    assert text_of(sections("<text>ER\npositive<br/>x</text>")) == "ER positive\nx"


def test_what_the_author_deleted_is_not_read() -> None:
    source = sections('<text>Stage <content revised="delete">IV <sub>x</sub></content><content>II</content></text>')
    assert text_of(source) == "Stage II"


def test_an_unstructured_body_of_text_is_read_and_one_of_a_file_is_skipped() -> None:
    assert text_of(document('<nonXMLBody><text mediaType="text/plain">Note</text></nonXMLBody>')) == "Note"
    for attributes in (
        'mediaType="application/pdf" representation="B64"',
        'mediaType="text/plain" representation="B64"',
    ):
        with pytest.raises(NoteSkipped) as caught:
            cda.read(document(f"<nonXMLBody><text {attributes}>QQ==</text></nonXMLBody>"))
        assert caught.value.reason == "unsupported-content-type"


@pytest.mark.parametrize(
    "source",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + sections("<text>&a;</text>"),
        '<!DOCTYPE x SYSTEM "http://evil.example/x.dtd">' + sections("<text>a</text>"),
        sections("<text>a</text>")[:-30],
        sections("<text>a</b></text>"),
        sections("<text>a < b</text>"),
        sections("<text><b><i>a</b></i></text>"),
        "</ClinicalDocument>",
    ],
)
def test_xml_that_is_cut_short_broken_or_declares_entities_is_refused(source: str) -> None:
    with pytest.raises(MalformedMarkup):
        cda.read(source)


def test_a_span_is_found_in_the_xml() -> None:
    source = sections("<text>HER2&#160;<content>pos</content>itive</text>")
    text, offsets = cda.read(source)
    start = text.index("positive")
    assert source[slice(*offsets.to_source(Span(start, len(text))))] == "pos</content>itive"


def test_deep_nesting_is_no_recursion() -> None:
    assert text_of(sections("<text>" + "<content>" * 10_000 + "deep" + "</content>" * 10_000 + "</text>")) == "deep"


@given(st.text(), st.integers(0, 400), st.integers(0, 40))
def test_any_change_is_text_or_refused(new: str, start: int, length: int) -> None:
    source = sections("<title>A</title><text><list><item>one &amp; two</item></list></text>")
    changed = source[:start] + new + source[start + length :]
    with suppress(MalformedMarkup, NoteSkipped):
        text, offsets = cda.read(changed)
        assert len(text) <= len(changed)
        assert sum(run.length for run in offsets.runs) == len(text)
