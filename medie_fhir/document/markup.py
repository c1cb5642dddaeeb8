"""HTML or XML → tokens with their places. One pass, no recursion, nothing expanded, nothing fetched.

Linear: what fails to be a tag is text, and looking for a tag's end is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from medie_fhir.errors import MalformedMarkup

__all__ = ["Token", "tokens"]

_ATTRIBUTES = r"(?P<attributes>(?:[^<>\"'=]|=\s*+\"[^\"]*+\"|=\s*+'[^']*+'|[\"'=])*+)"
_TAG = re.compile(r"<(?P<slash>/?)(?P<name>[A-Za-z_][\w.:-]*)" + _ATTRIBUTES + ">")
_CRUDE_TAG = re.compile(r"<(?P<slash>/?)(?P<name>[A-Za-z_][\w.:-]*)(?P<attributes>[^<>]*+)>")
_BEGINS = re.compile(r"<[A-Za-z_/!?]")
_BEGINS_IN_XML = re.compile("<")  # whatever follows
_BEGINS_TAG = re.compile(r"</?[A-Za-z_]")
_LONGEST_TAG = 16_384  # characters; a longer one (an image in an attribute) is read without regard to quotes
_MOST_FAILURES = 4096  # of the careful reading, before all is read without regard to quotes
_PAIRS = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", ">"), ("<!", ">"))


class Token(NamedTuple):
    """A stretch of the source. ``name`` of a tag is without its prefix, in lower case.

    ``dropped`` stands for an element that was left out with all that it holds, ``raw`` for text without entities.
    """

    kind: Literal["text", "raw", "open", "close", "dropped"]
    start: int
    end: int
    name: str = ""
    attributes: str = ""


def tokens(
    source: str, *, xml: bool = False, known: frozenset[str] | None = None, dropped: frozenset[str] = frozenset()
) -> Iterator[Token]:
    """The tokens in order; comments, declarations and the elements of ``dropped`` are left out.

    With ``xml`` what is not well-formed is refused; an empty element gives ``open`` and ``close``. Without, what is
    never closed is text: nothing after it is lost; and so is, where the ``known`` names are given, a tag of another
    name without a prefix or a hyphen (``CEA <LOD>``). Raises MalformedMarkup, also for every declaration of entities.
    """
    return _Tokenizer(source, xml, known, dropped).run()


class _Tokenizer:
    def __init__(self, source: str, xml: bool, known: frozenset[str] | None, dropped: frozenset[str]) -> None:
        self.source = source
        self.xml = xml
        self.known = known
        self.dropped = dropped
        self.unclosed: set[str] = set()
        self.failures = 0

    def run(self) -> Iterator[Token]:
        place = text = 0
        begins = _BEGINS_IN_XML if self.xml else _BEGINS
        while begin := begins.search(self.source, place):
            place = begin.start()
            read = self._markup(place)
            if read is None:
                if self.xml:
                    raise MalformedMarkup("the XML is not well-formed")
                place += 1
                continue
            if place > text:
                yield Token("text", text, place)
            found, place = read
            yield from found
            text = place
        if len(self.source) > text:
            yield Token("text", text, len(self.source))

    def _markup(self, start: int) -> tuple[list[Token], int] | None:
        """What begins at ``start`` and where it ends; None for a ``<`` that is only a character."""
        for opening, closing in _PAIRS:
            if self.source.startswith(opening, start):
                return self._special(opening, "?>" if self.xml and opening == "<?" else closing, start)
        tag = self._tag(start)
        return self._element(tag) if tag else None

    def _element(self, tag: re.Match[str]) -> tuple[list[Token], int] | None:
        start, end = tag.span()
        prefix, _, name = tag["name"].lower().rpartition(":")
        if self.known is not None and name not in self.known and not prefix and "-" not in name:
            return None
        if tag["slash"]:
            return [Token("close", start, end, name)], end
        opened = Token("open", start, end, name, tag["attributes"])
        if tag["attributes"].endswith("/"):
            return [opened, Token("close", end, end, name)], end
        if name in self.dropped and (closed := self._closed(name, end)) is not None:
            return [Token("dropped", start, closed, name)], closed
        return [opened], end

    def _special(self, opening: str, closing: str, start: int) -> tuple[list[Token], int] | None:
        if opening in self.unclosed:
            return None
        end = self.source.find(closing, start + len(opening))
        if end < 0:
            self.unclosed.add(opening)
            return None
        if opening == "<![CDATA[":
            return [Token("raw", start + len(opening), end)], end + len(closing)
        if opening == "<!" and self._declares(self.source[start:end].lower()):
            raise MalformedMarkup("a document type with declarations is refused: entities are never expanded")
        return [], end + len(closing)

    def _declares(self, declaration: str) -> bool:
        """Whether it may define entities; the document type of HTML defines none."""
        if declaration.startswith("<!doctype"):
            return self.xml or "[" in declaration
        return declaration.startswith("<!entity")

    def _tag(self, start: int) -> re.Match[str] | None:
        if self.failures < _MOST_FAILURES and _BEGINS_TAG.match(self.source, start):
            if tag := _TAG.match(self.source, start, start + _LONGEST_TAG):
                return tag
            self.failures += 1
        return _CRUDE_TAG.match(self.source, start)

    def _closed(self, name: str, start: int) -> int | None:
        """Where an element ends, or None where it never does: then its tag alone is passed over."""
        if name in self.unclosed:
            return None
        match = re.compile(rf"</(?:[\w.-]+:)?{re.escape(name)}\s*>", re.IGNORECASE).search(self.source, start)
        if match is None:
            self.unclosed.add(name)
        return match.end() if match else None
