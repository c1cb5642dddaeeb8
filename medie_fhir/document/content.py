"""What bytes are, whatever their label says: packed, an image, a document that is not read yet, or text."""

from __future__ import annotations

import zlib

from medie_fhir.errors import ContentTooLarge, NoteSkipped, UndecodableText

__all__ = ["refuse_binary", "unpack"]

_GZIP = b"\x1f\x8b\x08"
_GZIP_WINDOW = 31  # of zlib: the largest window, with gzip's header
_IMAGES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*", b"\x00\x00\x00\x0cjP  ")
_OTHERS = (
    b"%PDF-",
    b"{\\rtf",
    b"PK\x03\x04",  # Office Open XML, OpenDocument, any archive
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",  # Word before 2007
    b"OggS",
    b"ID3",
    b"MSH|^~\\&",  # HL7 v2
    _GZIP,  # packed twice
)
_RIFF = {b"WEBP": "image", b"WAVE": "unsupported-content-type", b"AVI ": "unsupported-content-type"}


def unpack(data: bytes, most: int) -> bytes:
    """The content of gzip bytes, told by their magic number; other bytes as they are.

    Raises ContentTooLarge where more than ``most`` bytes come out, and never makes many more than that;
    UndecodableText where the packing is broken or cut short.
    """
    if not data.startswith(_GZIP):
        return data
    unpacked = b""
    while data.startswith(_GZIP):  # a gzip file may be several, one after the other
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        try:
            unpacked += inflater.decompress(data, most + 1 - len(unpacked))
        except zlib.error:
            raise UndecodableText("the gzip packing is broken") from None
        if len(unpacked) > most:
            raise ContentTooLarge(f"more than {most} bytes when unpacked")
        if not inflater.eof:
            raise UndecodableText("the gzip packing is cut short")
        data = inflater.unused_data
    return unpacked


def refuse_binary(data: bytes) -> None:
    """Raises NoteSkipped (``image``, ``unsupported-content-type``) for bytes that begin as such files do."""
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:16] or data[:16]
    if data.startswith(_IMAGES) or data[128:132] == b"DICM":
        raise NoteSkipped("image")
    if start.startswith(_OTHERS):
        raise NoteSkipped("unsupported-content-type")
    if data.startswith(b"RIFF") and data[8:12] in _RIFF:
        raise NoteSkipped(_RIFF[data[8:12]])
