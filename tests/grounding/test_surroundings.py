"""The sentence of a mention, and the line that leads in its list."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from medie_fhir.grounding.surroundings import surroundings
from medie_fhir.model import NoteText, Span

NoteOf = Callable[[str], NoteText]


def around(text: str, target: str, note: NoteOf) -> tuple[str, str | None]:
    start = text.index(target)
    found = surroundings(note(text), Span(start, start + len(target)))
    return text[slice(*found.sentence)], text[slice(*found.lead)] if found.lead else None


@pytest.mark.parametrize(
    ("text", "target", "sentence", "lead"),
    [
        ("One. Two here. Three.", "Two", "Two here.", None),
        ("One. Two here. Three.", "here. Three", "Two here. Three.", None),
        ("Rule out:\n1. flu\n2. cancer", "cancer", "2. cancer", "Rule out:"),
        ("Rule out:\nflu.\n- cancer", "cancer", "- cancer", None),
        ("Rule out:\n\nPLAN:\n- cancer", "cancer", "- cancer", "PLAN:"),
        ("- cancer", "cancer", "- cancer", None),
    ],
)
def test_a_mention_has_its_sentence_and_lead(
    text: str, target: str, sentence: str, lead: str | None, note: NoteOf
) -> None:
    assert around(text, target, note) == (sentence, lead)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("NOT DETECTED\n  KRAS, BRAF\n", "NOT DETECTED"),
        ("NOT DETECTED\nEGFR.\nKRAS, BRAF\n", "NOT DETECTED"),
        ("DETECTED\nEGFR\nNOT DETECTED\nKRAS\n", "NOT DETECTED"),
        ("NOT DETECTED\n\nKRAS\n", None),
        ("Not detected\nKRAS\n", None),
        ("EGFR NOT DETECTED. KRAS\n", None),
    ],
)
def test_a_line_in_capitals_is_the_title_of_what_stands_below_it(text: str, title: str | None, note: NoteOf) -> None:
    start = text.index("KRAS")
    found = surroundings(note(text), Span(start, start + 4)).title
    assert (text[slice(*found)] if found else None) == title


def test_a_note_without_sentences_is_one_sentence(note: NoteOf) -> None:
    whole = note("No. Mass.")
    bare = NoteText(whole.text, whole.source, whole.offsets, whole.content_type, whole.sha256)
    assert surroundings(bare, Span(4, 8)).sentence == Span(0, 9)
