"""A record without a value → its document is gone."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.errors import UnidentifiedDocument
from medie_fhir.event.tombstone import instant, read
from medie_fhir.model import DocumentInfo, EventKind, RetractionReason


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("123", ("ward", "DocumentReference/123")),
        ("DocumentReference/123", ("ward", "DocumentReference/123")),
        ("DocumentReference/123/_history/4", ("ward", "DocumentReference/123")),
        ("clinic|DocumentReference/123", ("clinic", "DocumentReference/123")),
        ("|DocumentReference/123", ("ward", "DocumentReference/123")),
        ("https://a.example/DocumentReference/1", ("ward", "https://a.example/DocumentReference/1")),
        ("urn:x|7", ("ward", "urn:x|7")),
        ("|7", ("ward", "|7")),
        ("clinic|urn:x|7", ("clinic", "urn:x|7")),
        ("clinic||7", ("clinic", "|7")),
        ("ward|urn:x|7", ("ward", "urn:x|7")),
    ],
)
def test_a_key_names_its_document_and_may_name_its_source(key: str, expected: tuple[str, str]) -> None:
    event = read(key.encode(), None, "ward")
    assert (event.document.source, event.document.reference) == expected
    assert (event.kind, event.reason) == (EventKind.RETRACTION, RetractionReason.DELETED)


@pytest.mark.parametrize("key", [None, b"", b" ", b"\xff", b"Patient/1", b"a b", b"x|", b"||", b"a||", b"{}", b".."])
def test_a_key_that_names_no_document_is_refused(key: bytes | None) -> None:
    with pytest.raises(UnidentifiedDocument):
        read(key, None, None)


def test_the_records_time_is_when() -> None:
    assert instant(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"
    assert read(b"1", "2023-11-14T22:13:20.123Z", None).document.version.last_updated == "2023-11-14T22:13:20.123Z"


@pytest.mark.parametrize("timestamp", [None, -1, 10**30])
def test_a_record_without_a_time_has_none(timestamp: int | None) -> None:
    assert instant(timestamp) is None


word = st.text("abcXYZ:/.-_0189", min_size=1)


@given(source=word, reference=st.one_of(st.builds("{}|{}".format, word, word), st.builds("|{}".format, word)))
def test_the_key_of_every_document_is_read_back(source: str, reference: str) -> None:
    key = DocumentInfo(reference=reference, source=source).key
    assert read(key.encode(), None, source).document.key == key


@given(st.binary())
def test_every_key_is_a_retraction_or_refused(key: bytes) -> None:
    with suppress(UnidentifiedDocument):
        assert read(key, None, None).kind is EventKind.RETRACTION
