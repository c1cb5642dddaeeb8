"""The bytes of an attachment → the note's text."""

from __future__ import annotations

import base64
import gzip
import hashlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document import TextLimits, note_text, read_text
from medie_fhir.errors import (
    ContentTooLarge,
    DocumentError,
    HashMismatch,
    MalformedMarkup,
    NoteSkipped,
    SizeMismatch,
    UndecodableText,
)
from medie_fhir.model import Attachment, NoteText

NOTE = "Größe 3 cm.\r\nKeine Metastasen.\n"
LIMITS = TextLimits(max_bytes=2000, max_characters=1000)
CDA = "<ClinicalDocument><section><title>Befund</title><text>Größe 3 cm</text></section></ClinicalDocument>"


def read(data: bytes, served_type: str | None = None, **attachment: Any) -> NoteText:
    return read_text(Attachment(**attachment), data, LIMITS, served_type)


def test_plain_text_is_its_own_source_with_nothing_changed() -> None:
    note = read(NOTE.encode(), content_type="text/plain", language="de-DE")
    assert note.text == note.source == NOTE
    assert (note.content_type, note.language) == ("text/plain", "de-DE")
    assert note.sha256 == hashlib.sha256(NOTE.encode()).hexdigest()
    assert NOTE[slice(*note.sentences[0])].startswith("Größe")
    assert note.sections


@pytest.mark.parametrize(
    ("data", "label", "text", "content_type"),
    [
        (NOTE.encode("utf-8-sig"), "text/plain", NOTE, "text/plain"),
        (NOTE.encode("cp1252"), "text/plain; charset=windows-1252", NOTE, "text/plain"),
        (NOTE.encode("cp1252"), "text/plain; charset=utf-8", NOTE, "text/plain"),
        (NOTE.encode("utf-16"), None, NOTE, "text/plain"),
        (gzip.compress(NOTE.encode()), "text/plain", NOTE, "text/plain"),
        (NOTE.encode(), "plain/text", NOTE, "text/plain"),
        (NOTE.encode(), "application/hl7-v3+xml", NOTE, "text/plain"),
        (b"<p>Tumor</p>", "application/xml;charset=utf-8", "Tumor", "text/html"),
        (CDA.encode(), "text/xml", "Befund\nGröße 3 cm", "application/hl7-v3+xml"),
        (gzip.compress(CDA.encode()), "text/plain", "Befund\nGröße 3 cm", "application/hl7-v3+xml"),
        (
            ('<?xml version="1.0" encoding="windows-1252"?>' + CDA).encode("cp1252"),
            "text/xml",
            "Befund\nGröße 3 cm",
            "application/hl7-v3+xml",
        ),
    ],
)
def test_bytes_are_read_for_what_they_are(data: bytes, label: str | None, text: str, content_type: str) -> None:
    note = read(data, content_type=label)
    assert (note.text, note.content_type) == (text, content_type)


def test_what_the_server_says_counts_where_the_sender_says_nothing() -> None:
    assert read(b"a&lt;b", "text/html").text == "a<b"
    assert read("Größe".encode("cp850"), "text/plain; charset=cp850").text == "Größe"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        ("\ufeff \u00a0".encode(), "empty"),
        (b"<p> </p>", "empty"),
        (gzip.compress(b""), "empty"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"%PDF-1.4", "unsupported-content-type"),
        (gzip.compress(b"%PDF-1.4"), "unsupported-content-type"),
    ],
)
def test_what_holds_nothing_to_read_is_skipped(data: bytes, reason: str) -> None:
    with pytest.raises(NoteSkipped) as caught:
        read(data, content_type="text/plain")
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("data", "attachment", "error"),
    [
        (b"x" * 2001, {}, ContentTooLarge),
        (gzip.compress(b"x" * 2001), {}, ContentTooLarge),
        (b"x" * 1001, {}, ContentTooLarge),
        (b"abc", {"size": 4}, SizeMismatch),
        (b"abc", {"hash": base64.b64encode(b"x" * 20).decode()}, HashMismatch),
        (b"\x80\x81\x00\x01", {}, UndecodableText),
        (b"stage III\x00B", {}, UndecodableText),
        (b"<!DOCTYPE html [<!ENTITY a 'b'>]><p>&a;</p>", {}, MalformedMarkup),
    ],
)
def test_what_is_wrong_is_refused(data: bytes, attachment: dict[str, Any], error: type[DocumentError]) -> None:
    with pytest.raises(error):
        read(data, **attachment)


def test_size_and_hash_of_the_packed_or_the_unpacked_content_are_right() -> None:
    packed = gzip.compress(b"Tumor")
    for form in (packed, b"Tumor"):
        assert read(packed, size=len(form), hash=hashlib.sha1(form).hexdigest()).text == "Tumor"


def test_a_language_that_is_none_is_left_out() -> None:
    assert read(b"Tumor", language="the language of Jane Roe").language is None


def test_a_text_in_hand_with_a_nul_is_refused_too() -> None:
    with pytest.raises(UndecodableText):
        note_text("stage III\0B")


def test_a_text_in_hand_goes_the_same_way() -> None:
    assert note_text(NOTE) == read(NOTE.encode(), content_type="text/plain")
    assert note_text("<p>a</p>", content_type="text/html").text == "a"
    with pytest.raises(NoteSkipped):
        note_text(" ")
    with pytest.raises(UndecodableText):
        note_text("\ud800")
    with pytest.raises(ContentTooLarge):
        note_text(NOTE, limits=TextLimits(max_characters=3))


@given(
    st.binary() | st.text().map(str.encode) | st.binary().map(gzip.compress) | st.just(CDA.encode()),
    st.none() | st.text(max_size=5) | st.sampled_from(["text/plain", "text/html", "text/xml; charset=utf-16"]),
    st.none() | st.integers(0, 5),
    st.none() | st.text(max_size=5),
)
def test_all_bytes_are_a_text_or_refused(data: bytes, label: str | None, size: int | None, digest: str | None) -> None:
    with suppress(DocumentError, NoteSkipped):
        note = read(data, content_type=label, size=size, hash=digest, language=label)
        assert note.text.strip()
        assert sum(run.length for run in note.offsets.runs) == len(note.text)
