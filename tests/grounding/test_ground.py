"""Values become facts: where they stand in the source, and what the note says at its most assertive."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document.segment import segment
from medie_fhir.grounding import AlignRules, Cues, ground, load_cues
from medie_fhir.model import Alignment, Assertion, Evidence, Experiencer, NoteText, OffsetMap, RawValue, Run, Span
from medie_fhir.shipped import shipped

NoteOf = Callable[[str], NoteText]
LIST = load_cues(shipped("schemas", "context", "cues.csv").read_text("utf-8"))


def raw(
    value: str, note: NoteText, field: str = "cancer_type", reader: str = "model", sure: float | None = None
) -> RawValue:
    return RawValue(field, value, Span(0, len(note.text)), reader, sure)


def test_a_fact_has_its_evidence_in_the_source(cues: Cues) -> None:
    source = "a <b>lung&nbsp;cancer</b>"
    text = "a lung\u00a0cancer"
    offsets = OffsetMap((Run(0, 2, 0, 2), Run(2, 4, 5, 4), Run(6, 1, 9, 6), Run(7, 6, 15, 6)))
    found = segment(text)
    note = NoteText(text, source, offsets, "text/html", "", None, found.sentences, found.sections)
    (fact,) = ground([raw("lung cancer", note)], note, {}, cues)
    assert fact.evidence == (Evidence(start=5, end=21, text="lung&nbsp;cancer", section="other"),)
    assert fact.alignment is Alignment.NORMALISED


def test_the_most_assertive_mentions_count_and_are_the_evidence(cues: Cues, note: NoteOf) -> None:
    seen = note("Rule out lung cancer. Mother had lung cancer. Biopsy showed lung cancer. No lung cancer in 2010.")
    (fact,) = ground([raw("lung cancer", seen)], seen, {}, cues)
    assert (fact.assertion, fact.experiencer) == (Assertion.PRESENT, Experiencer.PATIENT)
    assert [e.start for e in fact.evidence] == [60]


def test_a_possible_finding_of_the_patient_outweighs_a_sure_one_of_a_relative(cues: Cues, note: NoteOf) -> None:
    seen = note("Mother had lung cancer. Rule out lung cancer.")
    (fact,) = ground([raw("lung cancer", seen)], seen, {}, cues)
    assert (fact.assertion, fact.experiencer) == (Assertion.POSSIBLE, Experiencer.PATIENT)


def test_a_relative_s_finding_stays_present_and_is_the_family_s(cues: Cues, note: NoteOf) -> None:
    seen = note("FAMILY HISTORY: Father had colon cancer.")
    (fact,) = ground([raw("colon cancer", seen)], seen, {}, cues)
    assert (fact.assertion, fact.experiencer) == (Assertion.PRESENT, Experiencer.FAMILY)
    assert fact.evidence[0].section == "family_history"


def test_an_invented_value_stays_ungrounded_and_without_evidence(cues: Cues, note: NoteOf) -> None:
    seen = note("Knee pain after a fall.")
    (fact,) = ground([raw("lung cancer", seen, sure=0.9)], seen, {}, cues)
    assert (fact.alignment, fact.evidence, fact.confidence) == (Alignment.NONE, (), 0.9)


def test_equal_values_of_a_field_are_one_fact_with_both_readers(cues: Cues, note: NoteOf) -> None:
    seen = note("HER-2 positive disease")
    values = [
        raw("HER2 positive", seen, "biomarker", "model", 0.6),
        raw("HER-2 Positive", seen, "biomarker", "lexical", 0.8),
        raw("HER2 positive", seen, "gene_mutation", "model"),
    ]
    facts = ground(values, seen, {}, cues)
    assert [(f.field, f.value, f.readers, f.confidence) for f in facts] == [
        ("biomarker", "HER2 positive", ("model", "lexical"), 0.8),
        ("gene_mutation", "HER2 positive", ("model",), None),
    ]


def test_a_synonym_grounds_a_value_as_a_concept(cues: Cues, note: NoteOf) -> None:
    seen = note("Hepatic metastases.")
    synonyms = {"liver": ["hepatic"]}
    (fact,) = ground([raw("liver", seen)], seen, {}, cues, lambda _, value: synonyms.get(value, ()))
    assert (fact.alignment, fact.evidence[0].text) == (Alignment.CONCEPT, "Hepatic")
    assert ground([raw("liver", seen)], seen, {}, cues)[0].alignment is Alignment.NONE


def test_a_field_s_rules_are_its_own(cues: Cues, note: NoteOf) -> None:
    seen = note("The liver is large. We recommend surgery for lung cancer.")
    rules = {"metastasis_site": AlignRules(context="metasta"), "cancer_type": AlignRules(ignores={"planned"})}
    facts = ground([raw("liver", seen, "metastasis_site"), raw("lung cancer", seen)], seen, rules, cues)
    assert [(f.alignment, f.assertion) for f in facts] == [("none", "present"), ("exact", "present")]


@pytest.mark.parametrize(
    ("text", "assertion"),
    [
        ("Brain: no evidence of metastatic disease.", "absent"),
        ("Bone scan of the brain showed no metastases.", "absent"),
        ("MRI brain without lesions or metastases.", "absent"),
        ("Brain nodules are unspecific; metastases cannot be excluded.", "possible"),
        ("Brain metastases, and no liver lesions.", "present"),
        ("Metastatic to the brain, not involving the skull.", "present"),
        ("No evidence of brain metastases.", "absent"),
    ],
)
def test_a_mention_says_no_more_than_the_words_that_make_it_one(
    text: str, assertion: str, cues: Cues, note: NoteOf
) -> None:
    seen = note(text)
    rules = {"metastasis_site": AlignRules(context="metasta|lesion|involv")}
    (fact,) = ground([raw("brain", seen, "metastasis_site")], seen, rules, cues)
    assert (fact.assertion, fact.experiencer) == (assertion, "patient")


PIECES = ["lung cancer", "Stage IV", "no", "she", "mother", "\n", ".", "é", "rule out"]


@given(st.lists(st.sampled_from(PIECES), max_size=20))
def test_evidence_always_says_what_the_source_says(words: list[str]) -> None:
    text = " ".join(words)
    found = segment(text)
    note = NoteText(text, text, OffsetMap.identity(len(text)), "text/plain", "", None, found.sentences, found.sections)
    for fact in ground([raw("lung cancer", note), raw("stage IV", note, "stage")], note, {}, LIST):
        assert all(note.source[e.start : e.end] == e.text for e in fact.evidence)
        assert bool(fact.evidence) == (fact.alignment is not Alignment.NONE)


def test_a_value_that_a_note_says_without_end_is_grounded_in_its_first_hundred_places(note: NoteOf, cues: Cues) -> None:
    """In one sentence each mention asks after all words that make it one: a note of 30,000 characters took hours."""
    text = "metastatic to the lung\n" * 1000
    rules = {"metastasis_site": AlignRules(context="metast")}
    value = RawValue("metastasis_site", "lung", Span(0, len(text)), "model")
    (fact,) = ground([value], note(text), rules, cues)
    assert [e.start for e in fact.evidence] == [18 + 23 * n for n in range(100)]
