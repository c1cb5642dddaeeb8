"""The bytes of an attachment → the note's text."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from medie_fhir.document.charset import decode
from medie_fhir.document.content import refuse_binary, unpack
from medie_fhir.document.integrity import verify
from medie_fhir.document.language import Languages
from medie_fhir.document.media import Family, charset_of, family_of
from medie_fhir.document.segment import segment
from medie_fhir.document.shape import shape_of
from medie_fhir.errors import ContentTooLarge, NoteSkipped, UndecodableText
from medie_fhir.model import Attachment, NoteText, OffsetMap

__all__ = ["TextLimits", "note_text", "read_text"]

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}\Z")


@dataclass(frozen=True, slots=True)
class TextLimits:
    """``max_bytes`` of the content, packed or unpacked; ``max_characters`` of the plain text; ``languages`` of it."""

    max_bytes: int = 16 * 1024 * 1024
    max_characters: int = 1_000_000
    languages: Languages | None = None


_DEFAULT = TextLimits()


def read_text(attachment: Attachment, data: bytes, limits: TextLimits, served_type: str | None = None) -> NoteText:
    """The text of an attachment whose bytes are ``data``. ``served_type`` is what the server called them.

    Bytes are read for what they are, whatever their label says; ``content_type`` of the answer is what they were read
    as. Raises NoteSkipped (``empty``, ``image``, ``unsupported-content-type``, ``OtherLanguage``), ContentTooLarge,
    SizeMismatch, HashMismatch, UndecodableText, MalformedMarkup, OtherLanguage.
    """
    if len(data) > limits.max_bytes:
        raise ContentTooLarge(f"{len(data)} bytes, more than {limits.max_bytes}")
    content = unpack(data, limits.max_bytes)
    verify(attachment, (data, content))
    if not content.strip():
        raise NoteSkipped("empty")
    refuse_binary(content)
    label = attachment.content_type or served_type
    source = decode(content, (charset_of(served_type), charset_of(attachment.content_type)))
    language = attachment.language if _LANGUAGE.match(attachment.language or "") else None
    return _read(source, family_of(label), limits, language)


def note_text(text: str, *, content_type: str = "text/plain", limits: TextLimits = _DEFAULT) -> NoteText:
    """The same for a text that is in hand. Raises as :func:`read_text`."""
    return _read(text, family_of(content_type), limits, None)


def _read(source: str, label: Family, limits: TextLimits, language: str | None) -> NoteText:
    if "\0" in source:
        raise UndecodableText("the text holds NUL characters: it was damaged, or is no text")
    content_type, reader = shape_of(source, label)
    text, offsets = reader(source)
    if not text.strip():
        raise NoteSkipped("empty")
    if len(text) > limits.max_characters:
        raise ContentTooLarge(f"{len(text)} characters, more than {limits.max_characters}")
    if limits.languages is not None:
        limits.languages.check(text, language)
    return _noted(source, text, offsets, content_type, language)


def _noted(source: str, text: str, offsets: OffsetMap, content_type: str, language: str | None) -> NoteText:
    try:
        digest = hashlib.sha256(text.encode()).hexdigest()
    except UnicodeEncodeError:
        raise UndecodableText("the text holds half of a surrogate pair") from None
    parts = segment(text)
    return NoteText(
        text=text,
        source=source,
        offsets=offsets,
        content_type=content_type,
        sha256=digest,
        language=language,
        sentences=parts.sentences,
        sections=parts.sections,
    )
