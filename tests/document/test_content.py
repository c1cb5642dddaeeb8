"""What bytes are, whatever their label says."""

from __future__ import annotations

import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document.content import refuse_binary, unpack
from medie_fhir.errors import ContentTooLarge, NoteSkipped, UndecodableText


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=3))
def test_packed_content_comes_out_as_it_went_in(parts: list[bytes]) -> None:
    assert unpack(b"".join(map(gzip.compress, parts)), 1000) == b"".join(parts)


@given(st.binary())
def test_other_bytes_stay_as_they_are(data: bytes) -> None:
    if not data.startswith(b"\x1f\x8b\x08"):
        assert unpack(data, 0) == data


@pytest.mark.parametrize("members", [1, 3])
def test_a_bomb_is_stopped_at_the_limit(members: int) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000) * members
    with pytest.raises(ContentTooLarge):
        unpack(bomb, 1000)


def test_content_of_exactly_the_limit_is_not_too_large() -> None:
    assert len(unpack(gzip.compress(b"x" * 1000), 1000)) == 1000


@pytest.mark.parametrize("broken", [gzip.compress(b"x" * 1000)[:-9], b"\x1f\x8b\x08" + b"x" * 20, b"\x1f\x8b\x08"])
def test_broken_packing_is_refused(broken: bytes) -> None:
    with pytest.raises(UndecodableText):
        unpack(broken, 1000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image"),
        (b"\xff\xd8\xff\xe0....", "image"),
        (b"GIF89a..", "image"),
        (b"RIFF....WEBPVP8 ", "image"),
        (b"\0" * 128 + b"DICM..", "image"),
        (b"%PDF-1.7", "unsupported-content-type"),
        (b"\xef\xbb\xbf\n %PDF-1.7", "unsupported-content-type"),
        (rb"{\rtf1 text}", "unsupported-content-type"),
        (b"PK\x03\x04....", "unsupported-content-type"),
        (b"RIFF....WAVEfmt ", "unsupported-content-type"),
        (gzip.compress(b"x"), "unsupported-content-type"),
        (rb"MSH|^~\&|LAB", "unsupported-content-type"),
    ],
)
def test_a_file_is_told_by_its_first_bytes(data: bytes, reason: str) -> None:
    with pytest.raises(NoteSkipped) as caught:
        refuse_binary(data)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "data", [b"BMI 23", b"PKU in the family", b"ID 3", b"II. Findings", b"MM: melanoma", b"", b"<p>"]
)
def test_text_is_not_taken_for_a_file(data: bytes) -> None:
    try:
        refuse_binary(data)
    except NoteSkipped as skipped:
        pytest.fail(skipped.reason)


@given(st.binary())
def test_all_that_claims_to_be_packed_comes_out_within_the_limit_or_is_refused(data: bytes) -> None:
    with suppress(UndecodableText, ContentTooLarge):
        assert len(unpack(b"\x1f\x8b\x08" + data, 100)) <= 100
