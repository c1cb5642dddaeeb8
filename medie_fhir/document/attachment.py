"""Which attachment of a document to read, and the bytes of one that is inline."""

from __future__ import annotations

import base64
import binascii

from medie_fhir.document.media import Family, family_of
from medie_fhir.errors import BrokenBase64, NoteSkipped
from medie_fhir.model import Attachment, NoteEvent

__all__ = ["choose", "inline"]

_NO_SPACE = str.maketrans("", "", " \t\r\n")
_REASONS = ("unsupported-content-type", "image", "masked", "empty", "no-content")


def choose(event: NoteEvent) -> Attachment:
    """The attachment that is best to read: by its kind of content, inline before behind a URL, then as sent.

    Raises NoteSkipped where none can be read, with the reason of the attachment that came nearest: one of
    ``unsupported-content-type``, ``image``, ``masked``, ``empty``, ``no-content``.
    """
    readable = [each for each in event.attachments if _unreadable(each) is None]
    if readable:
        return min(readable, key=lambda each: (family_of(each.content_type), not each.data))
    reasons = {_unreadable(each) for each in event.attachments}
    raise NoteSkipped(next((reason for reason in _REASONS if reason in reasons), "no-content"))


def _unreadable(attachment: Attachment) -> str | None:
    """Why an attachment can't be read, as far as can be told without its bytes."""
    if attachment.url is None and attachment.data is None:
        return "masked" if attachment.masked else "no-content"
    if attachment.url is None and not (attachment.data or "").strip():
        return "empty"
    family = family_of(attachment.content_type)
    if family is Family.IMAGE:
        return "image"
    return "unsupported-content-type" if family is Family.UNSUPPORTED else None


def inline(attachment: Attachment) -> bytes | None:
    """The bytes of ``data``, or None where the content lies behind ``url``.

    ``data`` is base64 with the alphabet of RFC 4648 §4 and padding, as FHIR's base64Binary; white space is allowed,
    the URL-safe alphabet is not. Raises BrokenBase64; NoteSkipped (``empty``, ``masked``, ``no-content``) where there
    is neither data nor url.
    """
    compact = (attachment.data or "").translate(_NO_SPACE)
    if not compact:
        if attachment.url is not None:
            return None
        raise NoteSkipped(_unreadable(attachment) or "no-content")
    try:
        return base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        raise BrokenBase64("attachment.data is not base64 (RFC 4648 §4, with padding)") from None
