"""HTML or XML → tokens with their places."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document.markup import tokens
from medie_fhir.errors import MalformedMarkup

DROPPED = frozenset({"script"})
TAGGY = st.lists(
    st.sampled_from(
        ["<", ">", "</", "p", "<p>", "</p>", "script", "<script>", "</script>", '="', '"', "'", "<!--", "-->"]
    )
    | st.sampled_from(
        ["<![CDATA[", "]]>", "<!DOCTYPE html>", "<!ENTITY", "<?xml", "?>", "&amp;", "/>", " ", "x:y", "["]
    )
    | st.text(max_size=3)
).map("".join)


def read(source: str, *, xml: bool = False) -> list[tuple[str, str]]:
    return [
        (token.kind, token.name or source[token.start : token.end])
        for token in tokens(source, xml=xml, dropped=DROPPED)
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a<p>b</p>c", [("text", "a"), ("open", "p"), ("text", "b"), ("close", "p"), ("text", "c")]),
        ("<BR/>", [("open", "br"), ("close", "br")]),
        ("<o:p>x", [("open", "p"), ("text", "x")]),
        ('<a title="x > y">z', [("open", "a"), ("text", "z")]),
        ("<a title='<b>'>z", [("open", "a"), ("text", "z")]),
        ("<p title=don't>z</p>", [("open", "p"), ("text", "z"), ("close", "p")]),
        ("CEA <5 and >3", [("text", "CEA <5 and >3")]),
        ("CEA <LOD today <b>x", [("text", "CEA <LOD today "), ("open", "b"), ("text", "x")]),
        ("a<!-- <p> -->b", [("text", "a"), ("text", "b")]),
        ("a<!-- never closed <b>", [("text", "a<!-- never closed "), ("open", "b")]),
        ("<![CDATA[a<b]]>c", [("raw", "a<b"), ("text", "c")]),
        ("<![if !mso]>a<![endif]>", [("text", "a")]),
        ("a<script>if (x<y) '<p>'</SCRIPT >b", [("text", "a"), ("dropped", "script"), ("text", "b")]),
        ("<script>never closed", [("open", "script"), ("text", "never closed")]),
        ("<!DOCTYPE html>a", [("text", "a")]),
        ("<", [("text", "<")]),
        ("a <foo> b", [("text", "a "), ("open", "foo"), ("text", " b")]),
        ("", []),
    ],
)
def test_tags_and_text_are_told_apart(source: str, expected: list[tuple[str, str]]) -> None:
    assert read(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        "<!ENTITY a SYSTEM 'file:///etc/passwd'>",
        "<!doctype html [ <!entity % x 'y'> ]>",
    ],
)
@pytest.mark.parametrize("xml", [True, False])
def test_declarations_of_entities_are_refused(source: str, xml: bool) -> None:
    with pytest.raises(MalformedMarkup):
        read(source, xml=xml)


@pytest.mark.parametrize("source", ["<!DOCTYPE x><x/>", "<x>a < b</x>", "<x", "<!-- x", "<x><![CDATA[ a</x>", "<?x"])
def test_xml_that_is_not_well_formed_is_refused(source: str) -> None:
    with pytest.raises(MalformedMarkup):
        read(source, xml=True)


def test_where_the_names_are_known_others_are_text_but_for_prefixed_and_custom_ones() -> None:
    source = "CEA <LOD> <o:p><x-y><B>ng</LOD>"
    found = [(token.kind, token.name) for token in tokens(source, known=frozenset({"b"}))]
    assert found == [("text", ""), ("open", "p"), ("open", "x-y"), ("open", "b"), ("text", "")]


def test_an_image_in_an_attribute_is_still_a_tag() -> None:
    source = f'a<img src="data:image/png;base64,{"A" * 100_000}">b'
    assert read(source) == [("text", "a"), ("open", "img"), ("text", "b")]


@given(TAGGY, st.booleans())
def test_tokens_are_in_order_and_within_the_source(source: str, xml: bool) -> None:
    place = 0
    with suppress(MalformedMarkup):
        for token in tokens(source, xml=xml, dropped=DROPPED):
            assert place <= token.start <= token.end <= len(source)
            place = token.end


@given(st.text(st.characters(exclude_characters="<")))
def test_text_without_tags_is_one_token(source: str) -> None:
    assert read(source) == ([("text", source)] if source else [])
