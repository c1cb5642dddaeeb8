"""The second speciality's rules, which are data alone."""

from collections.abc import Callable

import pytest

from medie_fhir.configuration import Configuration
from medie_fhir.lexicon import read_lexically
from medie_fhir.model import NoteText
from medie_fhir.settings import Settings
from medie_fhir.vocabularies import vocabularies

Seen = Callable[[str], list[tuple[str, str]]]


@pytest.fixture(scope="module")
def seen(of_note: Callable[[str], NoteText]) -> Seen:
    configuration = Configuration(Settings.model_validate({"task": "cardiology", "mapping": "cardiology"}))
    lexicon = configuration.lexicon
    assert lexicon is not None
    terms = vocabularies(configuration.tables, lexicon.tables)
    return lambda text: [(value.field, value.value) for value in read_lexically(of_note(text), lexicon, terms)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("NYHA class III, unchanged.", [("nyha_class", "NYHA class III")]),
        (
            "The ejection fraction was estimated at 30%.",
            [("ejection_fraction", "ejection fraction was estimated at 30%")],
        ),
        ("ECG: atrial fibrillation.", [("heart_disease", "atrial fibrillation"), ("rhythm", "atrial fibrillation")]),
        ("NYHA II-III.", []),
        ("Right ventricular ejection fraction 45%.", []),
        ("Stenosis of 45%.", []),
        ("[ ] NYHA class III", [("nyha_class", "NYHA class III")]),
    ],
)
def test_values_of_a_cardiology_note_are_seen(seen: Seen, text: str, values: list[tuple[str, str]]) -> None:
    assert seen(text) == values
