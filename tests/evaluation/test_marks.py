"""Where marks stand in a text."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.evaluation import GoldNote, Verdicts
from medie_fhir.evaluation.marks import Mark, marks, stretches

NOTE = GoldNote(id="n", text="Stage IV with liver lesions.", gold={"metastasis_site": ("liver",)})


def test_evidence_and_what_was_missed_are_marked(said: Callable[..., Verdicts]) -> None:
    found = marks(said(NOTE, {"stage": ["Stage IV"]}))
    assert [(mark.start, mark.end, mark.kind) for mark in found] == [(0, 8, "wrong"), (14, 19, "missed")]


@given(data=st.data(), length=st.integers(0, 30))
def test_stretches_cover_the_text_once_and_each_mark_wholly(data: st.DataObject, length: int) -> None:
    spans = st.tuples(st.integers(0, length), st.integers(0, length)).filter(lambda span: span[0] < span[1])
    drawn = data.draw(st.lists(spans, max_size=5 if length else 0))
    kinds = data.draw(st.lists(st.sampled_from(["right", "wrong"]), min_size=len(drawn), max_size=len(drawn)))
    found = [Mark(*span, kind, "stage", str(n)) for n, (span, kind) in enumerate(zip(drawn, kinds, strict=True))]
    cut = [*stretches(length, found)]
    assert [place for start, end, _ in cut for place in range(start, end)] == [*range(length)]
    for mark in found:
        covered = sum(end - start for start, end, here in cut if mark in here)
        assert covered == mark.end - mark.start
    assert all(here[0].kind == "wrong" for *_, here in cut if any(mark.kind == "wrong" for mark in here))
