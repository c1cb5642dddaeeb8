"""What the lexical reader sees in a sentence, by the rules and tables that are shipped."""

from collections.abc import Callable
from hashlib import sha256

import pytest

from medie_fhir.configuration import Configuration
from medie_fhir.document.segment import segment
from medie_fhir.grounding import ground
from medie_fhir.lexicon import read_lexically
from medie_fhir.model import Assertion, Experiencer, Fact, NoteText, OffsetMap
from medie_fhir.settings import Settings
from medie_fhir.vocabularies import vocabularies

Reading = Callable[[str, str], list[str]]


def note_of(text: str) -> NoteText:
    parts = segment(text)
    digest = sha256(text.encode()).hexdigest()
    offsets = OffsetMap.identity(len(text))
    return NoteText(
        text=text,
        source=text,
        offsets=offsets,
        content_type="text/plain",
        sha256=digest,
        sentences=parts.sentences,
        sections=parts.sections,
    )


@pytest.fixture(scope="session")
def of_note() -> Callable[[str], NoteText]:
    """A plain text as a note."""
    return note_of


@pytest.fixture(scope="session")
def facts() -> Callable[[str], tuple[Fact, ...]]:
    """The grounded facts of a text that the lexical reader sees."""
    configuration = Configuration(Settings())
    lexicon = configuration.lexicon
    assert lexicon is not None
    terms = vocabularies(configuration.tables, lexicon.tables)

    def read(text: str) -> tuple[Fact, ...]:
        note = note_of(text)
        return ground(read_lexically(note, lexicon, terms), note, configuration.rules, configuration.cues)

    return read


@pytest.fixture(scope="session")
def seen(facts: Callable[[str], tuple[Fact, ...]]) -> Reading:
    """The values of a field that a text says the patient has, or had."""

    def read(field: str, text: str) -> list[str]:
        said = (Assertion.PRESENT, Assertion.HISTORICAL)
        return [
            fact.value
            for fact in facts(text)
            if fact.field == field and fact.assertion in said and fact.experiencer is Experiencer.PATIENT
        ]

    return read
