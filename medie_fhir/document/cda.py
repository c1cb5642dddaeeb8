"""A CDA R2 document → the titles and the narrative of its sections: what a clinician sees and signs.

Entries (the coded part) and the header are left out. HL7 CDA R2, §4.3.5 (narrative block).
"""

from __future__ import annotations

import re

from medie_fhir.document.flow import Flow
from medie_fhir.document.layout import Gap, Layout
from medie_fhir.document.markup import Token, tokens
from medie_fhir.errors import MalformedMarkup, NoteSkipped
from medie_fhir.model import OffsetMap

__all__ = ["read"]

_READ = frozenset({("section", "title"), ("section", "text"), ("nonxmlbody", "text")})
_DELETED = re.compile(r"\brevised\s*=\s*[\"']delete[\"']")
_MEDIA_TYPE = re.compile(r"\bmediaType\s*=\s*[\"']([^\"']*)")
_BASE64 = re.compile(r"\brepresentation\s*=\s*[\"']B64[\"']")


def read(source: str) -> tuple[str, OffsetMap]:
    """The text and its map.

    Raises MalformedMarkup for XML that is not well-formed or has a document type; NoteSkipped
    (``unsupported-content-type``) where the body is another file in base64.
    """
    reader = _Reader(source)
    for token in tokens(source, xml=True):
        reader.take(token)
    return reader.done()


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.flow = Flow(Layout(source))
        self.path: list[str] = []
        self.read_from = 0  # depth of the title or text that is being read; 0 for none
        self.deleted_from = 0
        self.preformatted = False

    def take(self, token: Token) -> None:
        if token.kind == "open":
            self._open(token)
        elif token.kind == "close":
            self._close(token)
        elif self.read_from and not self.deleted_from:
            self.flow.feed(token, preformatted=self.preformatted)

    def done(self) -> tuple[str, OffsetMap]:
        if self.path:
            raise MalformedMarkup("the XML ends before its elements do: it was cut short")
        return self.flow.layout.done()

    def _open(self, token: Token) -> None:
        parent = self.path[-1] if self.path else ""
        self.path.append(token.name)
        if self.read_from:
            if not self.deleted_from and _DELETED.search(token.attributes):
                self.deleted_from = len(self.path)
            self.flow.feed(token)
        elif (parent, token.name) in _READ:
            if parent == "nonxmlbody":
                _refuse_files(token)
            self.read_from = len(self.path)
            # without elements, the line breaks are all the structure that the author gave
            self.preformatted = self.source.startswith("</", self.source.find("<", token.end))
            self.flow.layout.gap(Gap.PARAGRAPH if token.name == "title" else Gap.LINE)

    def _close(self, token: Token) -> None:
        depth = len(self.path)
        if not self.path or self.path.pop() != token.name:
            raise MalformedMarkup("the XML is not well-formed: an element is closed that is not open")
        if depth == self.deleted_from:
            self.deleted_from = 0
        if depth == self.read_from:
            self.read_from = 0
            self.flow.layout.close_row()
        elif self.read_from:
            self.flow.feed(token)


def _refuse_files(body: Token) -> None:
    media = _MEDIA_TYPE.search(body.attributes)
    if _BASE64.search(body.attributes) or (media and not media[1].lower().startswith("text/")):
        raise NoteSkipped("unsupported-content-type")
