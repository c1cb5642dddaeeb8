"""The vocabulary's file."""

from __future__ import annotations

import pytest

from medie_fhir.errors import SettingsError
from medie_fhir.evaluation import Matcher, Vocabulary, load_vocabulary
from medie_fhir.shipped import shipped


def test_a_list_of_words_is_one_text() -> None:
    vocabulary = load_vocabulary("synonyms: { lung: pulmonary lungs }", "v.yaml")
    assert vocabulary.preferred == {"pulmonary": "lung", "lungs": "lung"}


@pytest.mark.parametrize(
    "text", ["{", "rewrites: [{ from: '(', to: '' }]", "words: a", "fields: { stage: { shares: 1 } }"]
)
def test_a_fault_names_the_file(text: str) -> None:
    with pytest.raises(SettingsError, match=r"v\.yaml"):
        load_vocabulary(text, "v.yaml")


def test_a_guard_must_name_a_list_that_is_there() -> None:
    with pytest.raises(SettingsError, match="organs"):
        load_vocabulary("fields: { stage: { shares: [organs] } }", "v.yaml")


def test_without_a_vocabulary_words_are_compared_as_they_are() -> None:
    matcher = Matcher(Vocabulary())
    assert matcher.compare("atrial fibrillation", "Atrial Fibrillation", "rhythm").same
    assert not matcher.compare("pulmonary", "lung", "rhythm").same


def test_the_shipped_vocabularys_synonyms_are_settled_in_one_step() -> None:
    file = shipped("schemas", "evaluation", "oncology.yaml")
    vocabulary = load_vocabulary(file.read_text(encoding="utf-8"), file.name)
    assert not set(vocabulary.preferred) & set(vocabulary.synonyms)
