"""Which markup a text is written in."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document.media import Family
from medie_fhir.document.shape import shape_of
from medie_fhir.errors import NoteSkipped

CDA, HTML, PLAIN, NARRATIVE = "application/hl7-v3+xml", "text/html", "text/plain", "text/x-hl7-text+xml"


@pytest.mark.parametrize(
    ("text", "label", "shape"),
    [
        ("Stage II", Family.PLAIN, PLAIN),
        ("Stage II", Family.HTML, PLAIN),
        ("Stage II", Family.XML, PLAIN),
        ("Stage II<br>T2", Family.HTML, HTML),
        ("CEA &lt; 5", Family.HTML, HTML),
        ("CEA &lt; 5", Family.PLAIN, PLAIN),
        ("<html><body>x</body></html>", Family.PLAIN, HTML),
        ("<html>\n<title>x</title>x</html>", Family.XML, HTML),
        ("\n<!DOCTYPE html>\n<!-- x --><HTML lang='en'>x", Family.UNKNOWN, HTML),
        ('<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', Family.XML, HTML),
        ("<p>Stage</p>", Family.PLAIN, HTML),
        ("<p 3 cm mass", Family.PLAIN, PLAIN),
        ("<a> 3 cm mass", Family.PLAIN, PLAIN),
        ("<5 cm mass </b>", Family.PLAIN, PLAIN),
        ("<REDACTED> is a 50 year old <b>woman</b>", Family.PLAIN, PLAIN),
        ("<item><paragraph>x</paragraph></item>", Family.PLAIN, NARRATIVE),
        ("<text>x</text>", Family.XML, NARRATIVE),
        ("<?xml version='1.0'?><ClinicalDocument xmlns='urn:hl7-org:v3'>", Family.PLAIN, CDA),
        ("<n1:ClinicalDocument>", Family.HTML, CDA),
    ],
)
def test_a_text_is_read_for_what_it_is(text: str, label: Family, shape: str) -> None:
    assert shape_of(text, label)[0] == shape


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"/>', Family.XML),
        ('<Bundle xmlns="http://hl7.org/fhir"><id/></Bundle>', Family.PLAIN),
        ("<report><finding>x</finding></report>", Family.XML),
        ('{"resourceType": "Bundle"}', Family.PLAIN),
        ("some text", Family.UNSUPPORTED),
    ],
)
def test_other_documents_are_skipped(text: str, label: Family) -> None:
    with pytest.raises(NoteSkipped) as caught:
        shape_of(text, label)
    assert caught.value.reason == "unsupported-content-type"


@given(st.text("<>!-?/ [html]DOCTYPE\"'= x"), st.sampled_from(Family))
def test_every_text_has_a_shape_or_is_skipped(text: str, label: Family) -> None:
    with suppress(NoteSkipped):
        assert shape_of(text, label)[0] in {CDA, HTML, PLAIN, NARRATIVE}
