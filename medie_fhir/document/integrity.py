"""Whether bytes are those that the sender described by ``attachment.size`` and ``attachment.hash``."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence

from medie_fhir.errors import HashMismatch, SizeMismatch
from medie_fhir.model import Attachment

__all__ = ["verify"]

_HEX = re.compile(r"([0-9a-fA-F]{40}|[0-9a-fA-F]{64})\Z")
_SHA1, _SHA256 = 20, 32  # bytes


def verify(attachment: Attachment, forms: Sequence[bytes]) -> None:
    """Raises SizeMismatch, HashMismatch. ``forms`` are the content as it came and, where it was packed, unpacked.

    ``hash`` in R4 is the base64 of the SHA-1 of the content before base64. Seen and taken as well: hexadecimal, the
    base64 of hexadecimal, SHA-256, and the digest of the base64 text. A hash of another form (another algorithm)
    says nothing that could be checked, and is passed over.
    """
    if attachment.size is not None and attachment.size not in {len(form) for form in forms}:
        raise SizeMismatch(f"attachment.size is {attachment.size}, the content has {len(forms[0])} bytes")
    expected = _digest(attachment.hash or "")
    if expected is None:
        return
    text = (attachment.data or "").encode("ascii", "ignore")
    seen = [*forms, text, b"".join(text.split())]
    if not any(_of(form, len(expected)) == expected for form in seen):
        raise HashMismatch("attachment.hash is not the digest of the content: it was changed or cut on its way")


def _of(content: bytes, length: int) -> bytes:
    # SHA-1 is what the standard asks for; it guards against accidents here, not against forgers
    digest = hashlib.sha1(content, usedforsecurity=False) if length == _SHA1 else hashlib.sha256(content)
    return digest.digest()


def _digest(text: str) -> bytes | None:
    text = text.strip()
    if _HEX.match(text):
        return bytes.fromhex(text)
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(decoded) in (_SHA1, _SHA256):
        return decoded
    inner = decoded.decode("ascii", "replace")
    return bytes.fromhex(inner) if _HEX.match(inner) else None
