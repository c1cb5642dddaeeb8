"""Plain text is its own source."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document import plain
from medie_fhir.model import Span


@given(st.text(min_size=1), st.data())
def test_every_place_is_its_own(source: str, data: st.DataObject) -> None:
    text, offsets = plain.read(source)
    start = data.draw(st.integers(0, len(source) - 1))
    span = Span(start, data.draw(st.integers(start + 1, len(source))))
    assert text == source
    assert offsets.to_source(span) == span
