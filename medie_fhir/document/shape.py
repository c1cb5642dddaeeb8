"""Which markup a text is written in, told by how it begins; its label only decides what the text leaves open."""

from __future__ import annotations

import re
from collections.abc import Callable

from medie_fhir.document import cda, html, plain
from medie_fhir.document.media import Family
from medie_fhir.errors import NoteSkipped
from medie_fhir.model import OffsetMap

__all__ = ["shape_of"]

Reader = Callable[[str], tuple[str, OffsetMap]]

_PLAIN: tuple[str, Reader] = ("text/plain", plain.read)
_HTML: tuple[str, Reader] = ("text/html", html.read)
_NARRATIVE: tuple[str, Reader] = ("text/x-hl7-text+xml", html.read)
_CDA: tuple[str, Reader] = ("application/hl7-v3+xml", cda.read)

_PROLOG = re.compile(r"\s*+(?:<\?[^>]*+>|<!--(?:[^-]|-(?!->))*+-->|<!(?!--)[^<>\[]*+(?:\[[^\]]*+\]\s*+)?>)")
_ROOT = re.compile(r"\s*+<(?:[\w.-]+:)?(?P<name>[A-Za-z][\w.-]*)(?P<attributes>(?:\s[^<>]*+)?)>")
_HTML_NAMES = frozenset(
    """a article b big blockquote body br center div dl em font footer form h1 h2 h3 h4 h5 h6 head header hr html i img
    li main meta ol p pre section small span strong style table tbody td th thead title tr u ul""".split()  # noqa: SIM905 - one word a line would fill a page
)
_NARRATIVE_NAMES = frozenset("content item linkhtml list paragraph text".split())  # noqa: SIM905 - one word a line would fill a page
_TAG_OR_ENTITY = re.compile(r"</?[A-Za-z][^<>]*>|&#?\w+;")
_FHIR_JSON = re.compile(r'\s*+\{\s*+"resourceType"\s*+:')


def shape_of(text: str, label: Family) -> tuple[str, Reader]:
    """``(content type, reader)`` of a decoded text.

    Raises NoteSkipped (``unsupported-content-type``) for XML of another kind and for FHIR resources.
    """
    start, declared = _after_prolog(text)
    root = _ROOT.match(text, start)
    name = root["name"].lower() if root else ""
    if name == "clinicaldocument":
        return _CDA
    if name in _HTML_NAMES | _NARRATIVE_NAMES and (declared or label in (Family.HTML, Family.XML) or _closes(text)):
        return _HTML if name in _HTML_NAMES else _NARRATIVE
    if _FHIR_JSON.match(text) or (root and label is not Family.HTML and _is_xml(root, declared, label)):
        raise NoteSkipped("unsupported-content-type")
    if label in (Family.UNSUPPORTED, Family.IMAGE):
        raise NoteSkipped("unsupported-content-type")
    if label is Family.HTML and _TAG_OR_ENTITY.search(text):
        return _HTML
    return _PLAIN


def _after_prolog(text: str) -> tuple[int, bool]:
    """Where the XML declaration, comments and the document type end, and whether there were any."""
    place = 0
    while match := _PROLOG.match(text, place):
        place = match.end()
    return place, place > 0


def _closes(text: str) -> bool:
    return "</" in text or "/>" in text or "<br>" in text.lower()


def _is_xml(root: re.Match[str], declared: bool, label: Family) -> bool:
    return declared or label is Family.XML or "xmlns" in root["attributes"]
