"""Notes as the document station would give them, and the shipped cues."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from medie_fhir.document.segment import segment
from medie_fhir.grounding import Cues, load_cues
from medie_fhir.model import NoteText, OffsetMap
from medie_fhir.shipped import shipped


def plain_note(text: str) -> NoteText:
    found = segment(text)
    return NoteText(
        text=text,
        source=text,
        offsets=OffsetMap.identity(len(text)),
        content_type="text/plain",
        sha256=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        sentences=found.sentences,
        sections=found.sections,
    )


@pytest.fixture(scope="session")
def note() -> Callable[[str], NoteText]:
    return plain_note


@pytest.fixture(scope="session")
def cues() -> Cues:
    return load_cues(shipped("schemas", "context", "cues.csv").read_text("utf-8"))
