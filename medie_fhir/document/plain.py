"""Plain text: its own source."""

from __future__ import annotations

from medie_fhir.model import OffsetMap

__all__ = ["read"]


def read(source: str) -> tuple[str, OffsetMap]:
    """The text and its map."""
    return source, OffsetMap.identity(len(source))
