"""The one place that finds what ships with the library: mappings, schemas, sample notes, the first adapter.

In an installed wheel they lie inside the package, in a checkout at the top of the tree.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["shipped"]

_PACKAGE = Path(__file__).parent
_IN_CHECKOUT = {
    "mappings": "mappings",
    "schemas": "schemas",
    "notes": "examples/notes",
    "models": "models/medical-ie-smollm2-135m",
}


def shipped(kind: str, *parts: str) -> Path:
    """The path of a shipped file or folder; ``kind`` is ``mappings``, ``schemas``, ``notes`` or ``models``."""
    installed = _PACKAGE / "_shipped" / kind
    base = installed if installed.exists() else _PACKAGE.parent / _IN_CHECKOUT[kind]
    return base.joinpath(*parts)
