"""An answer's body, whole and unpacked, and never more of it than its bound.

gzip is asked for, though a hospital's network hardly needs it: HAPI writes what it doesn't pack in some 80 pieces an
answer, and reading those cost as much as all else of a write (benchmarks/write.py: 5.0 ms of CPU a document; now 2.9).
"""

from __future__ import annotations

import zlib

import httpx

__all__ = ["ENCODING", "BodyBroken", "BodyTooLarge", "whole_body"]

ENCODING = "gzip"
"""What ``Accept-Encoding`` asks for."""

_PLAIN = frozenset({"", "identity"})
_PACKED = frozenset({"gzip", "x-gzip"})  # RFC 9110 §8.4.1.3
_GZIP = zlib.MAX_WBITS | 16


class BodyTooLarge(Exception):
    """It is longer than it may be."""


class BodyBroken(Exception):
    """It can't be unpacked."""


async def whole_body(response: httpx.Response, limit: int) -> bytes:
    """The body of an answer that is read as it comes. Raises BodyTooLarge, BodyBroken, and httpx's errors."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in _PLAIN | _PACKED:
        raise BodyBroken
    unpacked = zlib.decompressobj(_GZIP) if encoding in _PACKED else None
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge
    body = bytearray()
    async for chunk in response.aiter_raw():
        # One byte more than may be tells that there are more: a small answer that unpacks to gigabytes never does.
        body += chunk if unpacked is None else _unpack(unpacked, chunk, limit + 1 - len(body))
        if len(body) > limit:
            raise BodyTooLarge
    if unpacked is not None and (unpacked.unused_data or (body and not unpacked.eof)):
        raise BodyBroken
    return bytes(body)


def _unpack(unpacked: zlib._Decompress, chunk: bytes, most: int) -> bytes:
    try:
        return unpacked.decompress(chunk, most)
    except zlib.error:
        raise BodyBroken from None
