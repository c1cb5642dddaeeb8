"""What a content type says of how to read the bytes, with the wrong labels that real senders give."""

from __future__ import annotations

import re
from enum import IntEnum

__all__ = ["Family", "charset_of", "family_of"]


class Family(IntEnum):
    """Kinds of content, from the best to read; the last two are not read."""

    PLAIN = 0
    HTML = 1
    XML = 2
    UNKNOWN = 3  # no label, or one that says nothing: the bytes tell
    UNSUPPORTED = 4
    IMAGE = 5


_FAMILIES = {
    "plain/text": Family.PLAIN,
    "text": Family.PLAIN,
    "plain": Family.PLAIN,
    "txt": Family.PLAIN,
    "text/html": Family.HTML,
    "html": Family.HTML,
    "html/text": Family.HTML,
    "application/html": Family.HTML,
    "application/xhtml+xml": Family.HTML,
    "text/xml": Family.XML,
    "xml": Family.XML,
    "application/xml": Family.XML,
    "application/hl7-v3+xml": Family.XML,
    "application/hl7-cda+xml": Family.XML,
    "application/cda+xml": Family.XML,
    "text/cda+xml": Family.XML,
    "text/x-hl7-text+xml": Family.XML,  # a CDA narrative block
    "": Family.UNKNOWN,
    "application/octet-stream": Family.UNKNOWN,
    "binary/octet-stream": Family.UNKNOWN,
    "application/gzip": Family.UNKNOWN,
    "application/x-gzip": Family.UNKNOWN,
    "application/dicom": Family.IMAGE,
    "text/rtf": Family.UNSUPPORTED,
    "text/richtext": Family.UNSUPPORTED,
}
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)


def family_of(content_type: str | None) -> Family:
    """The kind of content that a label says. ``text/*`` that is named nowhere is plain text."""
    name = (content_type or "").partition(";")[0].strip().lower()
    if name in _FAMILIES:
        return _FAMILIES[name]
    if name.startswith("image/"):
        return Family.IMAGE
    return Family.PLAIN if name.startswith("text/") and not name.endswith("+xml") else Family.UNSUPPORTED


def charset_of(content_type: str | None) -> str | None:
    """The charset parameter of a content type."""
    match = _CHARSET.search(content_type or "")
    return match[1] if match else None
