"""The words that may be a label's value: each stands in the source, and is never an id or a text.

Any other word is counted as ``other``, so that a fault elsewhere can neither leak a patient's data nor multiply the
series.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator

from medie_fhir.errors import MedieError

__all__ = ["BUGS", "OTHER", "REASONS", "STAGES", "STATIONS", "VERDICTS", "error_classes", "known"]

OTHER = "other"
STAGES = frozenset({"extract", "publish"})
STATIONS = frozenset(
    {
        "event",
        "document",
        "lexicon",
        "extraction",
        "grounding",
        "coding",
        "terminology",
        "mapping",
        "transaction",
        "fhir",
    }
)
VERDICTS = frozenset({"accepted", "skipped", "retracted", "refused", "dead-letter"})
REASONS = frozenset(
    {"image", "unsupported-content-type", "masked", "empty", "no-content"}  # of a note that is skipped
    | {"entered-in-error", "superseded", "replaced", "deleted"}  # of a document that no longer holds
    | {"extracted", "triaged", "retracted"}  # of an extraction
    | {"written", "stale", "empty", "unchanged"}  # of what was published
)
BUGS = frozenset(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
)


def error_classes(root: type[MedieError] = MedieError) -> Iterator[type[MedieError]]:
    """The class and all that come of it, in the order in which they are written."""
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)


def known(word: str, words: frozenset[str]) -> str:
    """The word, or ``other`` where it is none of these."""
    return word if word in words else OTHER
