"""HTML, XHTML and fragments of CDA narrative → plain text."""

from __future__ import annotations

from medie_fhir.document.flow import Flow
from medie_fhir.document.layout import Layout
from medie_fhir.document.markup import tokens
from medie_fhir.model import OffsetMap

__all__ = ["read"]

_KNOWN = frozenset(
    """a abbr acronym address applet area article aside audio b base basefont bdi bdo big blink blockquote body br
    button canvas caption center cite code col colgroup content data datalist dd del details dfn dialog dir div
    dl dt em embed fieldset figcaption figure font footer footnote footnoteref form frame frameset h1 h2 h3 h4
    h5 h6 head header hgroup hr html i iframe img input ins item kbd label legend li link linkhtml list main map
    mark marquee menu meta meter nav nobr noframes noscript object ol optgroup option output p paragraph param
    picture pre progress q rendermultimedia rp rt ruby s samp script search section select slot small source
    span strike strong style sub summary sup svg table tbody td template text textarea tfoot th thead time title
    tr track tt u ul var video wbr
    """.split()  # noqa: SIM905 - one word a line would fill a page
)
_DROPPED = frozenset({"script", "style", "template", "title", "del", "s", "strike"})
"""Not shown, or shown as struck out: what a clinician took back is not read."""


def read(source: str) -> tuple[str, OffsetMap]:
    """The text as a browser lays it out, and its map. Raises MalformedMarkup only for declarations of entities."""
    flow = Flow(Layout(source))
    for token in tokens(source, known=_KNOWN, dropped=_DROPPED):
        flow.feed(token)
    return flow.layout.done()
