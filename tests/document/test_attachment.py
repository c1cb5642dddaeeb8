"""Which attachment to read, and its bytes."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document import choose, inline
from medie_fhir.errors import BrokenBase64, NoteSkipped
from medie_fhir.model import Attachment, DocumentInfo, EventKind, NoteEvent

PLAIN = Attachment(content_type="text/plain", data="QQ==")
HTML = Attachment(content_type="text/html", data="QQ==")
CDA = Attachment(content_type="application/hl7-v3+xml", data="QQ==")
UNLABELLED = Attachment(url="Binary/1")
PDF = Attachment(content_type="application/pdf", data="QQ==")
IMAGE = Attachment(content_type="image/png", url="Binary/1")
MASKED = Attachment(content_type="text/plain", masked=True)
EMPTY = Attachment(content_type="text/plain", data=" ")
NOTHING = Attachment(content_type="text/plain", hash="x")


def note(*attachments: Attachment) -> NoteEvent:
    return NoteEvent(EventKind.NOTE, DocumentInfo(reference="DocumentReference/1"), attachments)


def test_the_best_kind_of_content_is_chosen_whatever_its_place() -> None:
    ranked = [PLAIN, HTML, CDA, UNLABELLED]
    for best in range(len(ranked)):
        assert choose(note(PDF, IMAGE, EMPTY, *reversed(ranked[best:]))) is ranked[best]


def test_among_equals_the_inline_one_is_chosen_then_the_first() -> None:
    behind, first, second = Attachment("text/plain", url="Binary/1"), PLAIN, Attachment("text/plain", data="Qg==")
    assert choose(note(behind, first, second)) is first
    assert choose(note(behind, HTML)) is behind


@pytest.mark.parametrize(
    ("attachments", "reason"),
    [
        ((PDF,), "unsupported-content-type"),
        ((IMAGE,), "image"),
        ((MASKED,), "masked"),
        ((EMPTY,), "empty"),
        ((NOTHING,), "no-content"),
        ((), "no-content"),
        ((NOTHING, EMPTY, MASKED, IMAGE, PDF), "unsupported-content-type"),
        ((NOTHING, EMPTY, MASKED, IMAGE), "image"),
        ((NOTHING, EMPTY, MASKED), "masked"),
        ((Attachment(content_type="application/rtf", data=""),), "empty"),
    ],
)
def test_where_none_can_be_read_the_reason_is_of_the_nearest(attachments: tuple[Attachment, ...], reason: str) -> None:
    with pytest.raises(NoteSkipped) as caught:
        choose(note(*attachments))
    assert caught.value.reason == reason


@given(st.binary(min_size=1))
def test_base64_in_lines_is_read(data: bytes) -> None:
    assert inline(Attachment(data=base64.encodebytes(data).decode().replace("\n", "\r\n \t"))) == data


@pytest.mark.parametrize(
    "data", ["QQ", "QQ=", "Q", "QQ==QQ==", "_-8=", "Jane Roe!", "QÄ==", "====", "QQ==\x00", "\ud800"]
)
def test_what_is_not_base64_is_refused_without_being_told(data: str) -> None:
    with pytest.raises(BrokenBase64) as caught:
        inline(Attachment(data=data))
    assert "Roe" not in str(caught.value)


def test_content_behind_a_url_is_not_inline() -> None:
    assert inline(Attachment(url="Binary/1")) is None
    assert inline(Attachment(data="", url="Binary/1")) is None


@pytest.mark.parametrize(("attachment", "reason"), [(EMPTY, "empty"), (MASKED, "masked"), (NOTHING, "no-content")])
def test_where_there_is_nothing_it_is_skipped(attachment: Attachment, reason: str) -> None:
    with pytest.raises(NoteSkipped) as caught:
        inline(attachment)
    assert caught.value.reason == reason


@given(st.text())
def test_every_data_is_bytes_or_refused(data: str) -> None:
    with suppress(BrokenBase64, NoteSkipped):
        assert isinstance(inline(Attachment(data=data)), bytes)
