"""The HTML report, as a browser would take it."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.evaluation import GoldNote, Grid, ReportNote, Verdicts, html_report
from medie_fhir.model import Alignment, CodedFact, Concept, Evidence, Fact

NASTY = "<script>alert(1)</script>\"'&amp;<img src=x onerror=y>"


class Page(HTMLParser):
    """The tags, and the text of the notes without the marks' signs."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self._in_text, self._in_sign = "", False, False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_text = self._in_text or (tag == "div" and dict(attrs).get("class") == "text")
        self._in_sign = self._in_sign or tag == "sup"

    def handle_endtag(self, tag: str) -> None:
        self._in_text = self._in_text and tag != "div"
        self._in_sign = self._in_sign and tag != "sup"

    def handle_data(self, data: str) -> None:
        if self._in_text and not self._in_sign:
            self.text += data


def report(said: Callable[..., Verdicts], note: GoldNote, values: dict[str, list[str]]) -> str:
    evidence = (Evidence(start=0, end=1, text=note.text[:1]),) if note.text else ()
    fact = Fact(field="stage", value=NASTY, evidence=evidence, alignment=Alignment.EXACT)
    held = (CodedFact(fact, Concept(""), "i", written=False, reason="asserted planned"),)
    grid = Grid(NASTY, ("field", NASTY), ((NASTY, "1"),))
    return html_report(NASTY, {"gold": NASTY}, [grid], [ReportNote(said(note, values), held)])


def test_right_wrong_and_missed_are_told_by_sign_and_class(said: Callable[..., Verdicts]) -> None:
    note = GoldNote(id="n", text="Stage IV, liver, bone.", gold={"stage": ("Stage IV",), "metastasis_site": ("liver",)})
    html = report(said, note, {"stage": ["Stage IV"], "metastasis_site": ["bone"]})
    for kind, text, sign in (
        ("right", "Stage IV", "✓ stage"),
        ("missed", "liver", "○ metastasis_site"),
        ("wrong", "bone", "✗ meta"),
    ):
        assert f'<mark class="{kind}"' in html
        assert f"{text}<sup>{sign}" in html
    assert "asserted planned" in html


@given(text=st.text(max_size=60).filter(lambda t: "\r" not in t and "\0" not in t))
def test_a_notes_text_is_shown_as_it_is_and_runs_nothing(said: Callable[..., Verdicts], text: str) -> None:
    note = GoldNote(id=NASTY, note_type=NASTY, text=NASTY + text, gold={"stage": (NASTY,)})
    page = Page(report(said, note, {"stage": [NASTY, text]}))
    assert page.text == NASTY + text
    assert not {"script", "img", "link", "a", "iframe", "form"} & {tag for tag, _ in page.tags}
    assert all(not key.startswith("on") and key not in {"src", "href"} for _, attrs in page.tags for key in attrs)
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
