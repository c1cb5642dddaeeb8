"""Which lines are headings, and of what."""

from __future__ import annotations

import pytest

from medie_fhir.document.headings import Heading, headings


def test_a_heading_says_where_it_starts_and_how_it_stands() -> None:
    text = "PLAN\nRest. Impression: cancer. FAMILY HISTORY: none"
    assert list(headings(text)) == [
        Heading(0, "plan", alone=True, inline=False),
        Heading(11, "assessment", alone=False, inline=True),
        Heading(31, "family_history", alone=False, inline=True),
    ]


@pytest.mark.parametrize("line", ["The plan is good", "history of melanoma", "She has allergies", "HEENT: normal"])
def test_a_sentence_or_a_part_of_an_examination_is_no_heading(line: str) -> None:
    assert [h.kind for h in headings(line)] == []


def test_an_unknown_heading_in_capitals_ends_only_a_section_that_asserts() -> None:
    assert [h.kind for h in headings("PLAN: x\nGROSS APPEARANCE: y")] == ["plan", "other"]
    assert [h.kind for h in headings("DIAGNOSIS: x\nGROSS APPEARANCE: y")] == ["diagnosis"]
