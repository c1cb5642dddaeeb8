"""Whether bytes are those that the sender described."""

from __future__ import annotations

import base64
import hashlib

import pytest

from medie_fhir.document.integrity import verify
from medie_fhir.errors import HashMismatch, SizeMismatch
from medie_fhir.model import Attachment

CONTENT, PACKED = b"Tumour of the left breast", b"packed"
SHA1 = hashlib.sha1(CONTENT)
SHA256 = hashlib.sha256(CONTENT)


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "written",
    [
        as_base64(SHA1.digest()),
        SHA1.hexdigest(),
        SHA1.hexdigest().upper(),
        as_base64(SHA1.hexdigest().encode()),
        as_base64(SHA256.digest()),
        SHA256.hexdigest(),
        as_base64(SHA256.hexdigest().encode()),
        as_base64(hashlib.sha1(as_base64(CONTENT).encode()).digest()),
    ],
)
def test_a_digest_is_taken_in_every_form_that_senders_write(written: str) -> None:
    attachment = Attachment(data=as_base64(CONTENT), hash=written)
    verify(attachment, (PACKED, CONTENT))
    with pytest.raises(HashMismatch):
        verify(Attachment(data=as_base64(b"changed"), hash=written), (b"changed",))


@pytest.mark.parametrize("written", ["", "?", "md5", as_base64(b"x" * 16), "ä", as_base64(b"x" * 64)])
def test_a_digest_of_an_unknown_form_says_nothing(written: str) -> None:
    try:
        verify(Attachment(hash=written), (CONTENT,))
    except HashMismatch:
        pytest.fail("a form that can't be checked was taken for a mismatch")


def test_the_size_is_of_the_content_packed_or_unpacked() -> None:
    for size in (len(PACKED), len(CONTENT)):
        verify(Attachment(size=size), (PACKED, CONTENT))
    with pytest.raises(SizeMismatch):
        verify(Attachment(size=0), (PACKED, CONTENT))
