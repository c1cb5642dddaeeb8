"""What a note says of a mention: every row of the cue list shows itself, and the engine's own rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from medie_fhir.grounding import Cue, Cues, assess, load_cues
from medie_fhir.model import NoteText, Span
from medie_fhir.shipped import shipped

NoteOf = Callable[[str], NoteText]
ROWS = load_cues(shipped("schemas", "context", "cues.csv").read_text("utf-8")).rows


@pytest.mark.parametrize("cue", ROWS, ids=lambda cue: f"{cue.line}-{' '.join(cue.words)}")
def test_every_cue_does_in_its_own_sentence_what_its_row_says(cue: Cue, cues: Cues, note: NoteOf) -> None:
    assert assess(note(cue.test), Span(*cue.target), cues) == cue.expected
