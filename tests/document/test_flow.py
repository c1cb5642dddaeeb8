"""How elements lay text out, where html and CDA have the same."""

from __future__ import annotations

import pytest

from medie_fhir.document.flow import Flow
from medie_fhir.document.layout import Layout
from medie_fhir.document.markup import tokens


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<list><item>One</item><item>Two</item></list>", "One\nTwo"),
        ("<paragraph>One</paragraph><paragraph>Two</paragraph>", "One\n\nTwo"),
        ("<caption>Stage</caption><content>II</content><content>A</content>", "Stage\n\nIIA"),
        ("</td></tr></pre>text</p>", "text"),
        ("<pre><pre>a  b</pre>  c</pre>d  e", "a  b\n\n  c\n\nd e"),
    ],
)
def test_narrative_and_stray_tags_are_laid_out(source: str, text: str) -> None:
    flow = Flow(Layout(source))
    for token in tokens(source):
        flow.feed(token)
    assert flow.layout.done()[0] == text
