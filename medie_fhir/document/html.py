"""HTML, XHTML and fragments of CDA narrative → plain text."""

from __future__ import annotations

from medie_fhir.document.flow import Flow
from medie_fhir.document.layout import Layout
from medie_fhir.document.markup import tokens
from medie_fhir.model import OffsetMap

__all__ = ["read"]

_DROPPED = frozenset({"script", "style", "template", "title", "del", "s", "strike"})
"""Not shown, or shown as struck out: what a clinician took back is not read."""


def read(source: str) -> tuple[str, OffsetMap]:
    """The text as a browser lays it out, and its map. Raises MalformedMarkup only for declarations of entities."""
    flow = Flow(Layout(source))
    for token in tokens(source, dropped=_DROPPED):
        flow.feed(token)
    return flow.layout.done()
