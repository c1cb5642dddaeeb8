"""What a misspelt word may have been meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["meant"]


def meant(word: str, known: Iterable[str], form: str = "{}") -> str:
    """`` (did you mean '…'?)`` with the nearest word that is known, in its ``form``; empty where none is near."""
    near = get_close_matches(word, list(known), 1)
    return f" (did you mean '{form.format(near[0])}'?)" if near else ""
