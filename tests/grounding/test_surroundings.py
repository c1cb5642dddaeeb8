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


def test_a_note_without_sentences_is_one_sentence(note: NoteOf) -> None:
    whole = note("No. Mass.")
    bare = NoteText(whole.text, whole.source, whole.offsets, whole.content_type, whole.sha256)
    assert surroundings(bare, Span(4, 8)).sentence == Span(0, 9)
