"""How elements of HTML and of CDA narrative lay text out: which make lines, paragraphs and cells."""

from __future__ import annotations

import re

from medie_fhir.document.layout import Gap, Layout
from medie_fhir.document.markup import Token

__all__ = ["Flow"]

_PARAGRAPHS = frozenset(
    """article aside blockquote body caption dl fieldset footer form h1 h2 h3 h4 h5 h6 header hr list main nav ol p
    paragraph pre section table ul""".split()  # noqa: SIM905 - one word a line would fill a page
)
_LINES = frozenset("address center dd div dt figcaption figure item legend li option tbody tfoot thead tr".split())  # noqa: SIM905 - one word a line would fill a page
_CELLS = frozenset({"td", "th"})
_ROWS = frozenset({"table", "tbody", "tfoot", "thead", "tr"})
_WHITE_SPACE_COUNTS = re.compile(r"white-space\s*:\s*pre", re.IGNORECASE)


class Flow:
    """Feeds tokens of markup to a layout. Unclosed and stray tags do no harm: there is no tree."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._formatted_by = ""  # the element in which white space counts
        self._formatted_depth = 0

    def feed(self, token: Token, *, preformatted: bool = False) -> None:
        """The next token. ``preformatted``: white space of this text counts."""
        if token.kind == "text":
            lay = self.layout.preformatted if preformatted or self._formatted_depth else self.layout.flowing
            lay(token.start, token.end)
        elif token.kind == "raw":
            self.layout.raw(token.start, token.end)
        elif token.kind == "dropped":
            self.layout.gap(Gap.SPACE)
        else:
            self._format(token)
            self._block(token)

    def _block(self, token: Token) -> None:
        name, opens = token.name, token.kind == "open"
        if name == "br":
            if opens:
                self.layout.line_break()
        elif name in _CELLS:
            (self.layout.open_cell if opens else self.layout.close_cell)()
        elif name in _PARAGRAPHS or name in _LINES:
            if name in _ROWS:
                self.layout.close_row()
            self.layout.gap(Gap.PARAGRAPH if name in _PARAGRAPHS else Gap.LINE)

    def _format(self, token: Token) -> None:
        if self._formatted_depth:
            if token.name == self._formatted_by:
                self._formatted_depth += 1 if token.kind == "open" else -1
        elif token.kind == "open" and (token.name == "pre" or _WHITE_SPACE_COUNTS.search(token.attributes)):
            self._formatted_by, self._formatted_depth = token.name, 1
