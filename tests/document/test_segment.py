"""Sentences and sections of notes as they are really written: typed, dictated, scanned, glued into one line."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document.segment import segment


def sentences(text: str) -> list[str]:
    return [text[s.start : s.end] for s in segment(text).sentences]


def sections(text: str) -> list[tuple[str, str]]:
    return [(s.kind, text[s.span.start : s.span.end]) for s in segment(text).sections]


def kind_of(text: str, part: str) -> str:
    place = text.index(part)
    return next(s.kind for s in segment(text).sections if s.span.start <= place < s.span.end)


PIECES = st.sampled_from(
    [
        "FAMILY HISTORY:", "Impression:", "Plan", "PAST MEDICAL HISTORY", "- ", "1. ", "\n", "\n\n", " \n", ". ", " ",
        "Dr. Smith", "e.g. ", "pT3c", "mother had breast cancer", "No. 3", "1.5", "p.Leu858Arg", "?", "\t", "\r\n", ":",
        "HEENT:", "findings: ", "metastatic", "Liver", "(IV)", "\u2009", "é", "COMPLICATIONS:", "M.D.", "\x0c", "…",
        "  ",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join))


@given(TEXTS)
def test_every_non_blank_character_is_in_exactly_one_sentence_and_in_order(text: str) -> None:
    spans = segment(text).sentences
    assert all(a.end <= b.start for a, b in pairwise(spans))
    covered = {place for s in spans for place in range(s.start, s.end)}
    assert {i for i, c in enumerate(text) if not c.isspace()} <= covered
    assert all(text[s.start : s.end] == text[s.start : s.end].strip() != "" for s in spans)


@given(TEXTS)
def test_sections_cover_the_text_without_gap_or_overlap(text: str) -> None:
    spans = [s.span for s in segment(text).sections]
    assert "".join(text[s.start : s.end] for s in spans) == text
    assert all(s.start < s.end for s in spans)


@given(TEXTS)
def test_no_sentence_crosses_a_section(text: str) -> None:
    found = segment(text)
    for sentence in found.sentences:
        assert any(s.span.start <= sentence.start and sentence.end <= s.span.end for s in found.sections)


@given(TEXTS, TEXTS)
def test_what_follows_a_blank_line_changes_no_sentence_before_it(text: str, more: str) -> None:
    before = segment(text).sentences
    assert segment(f"{text}\n\n{more}").sentences[: len(before)] == before


@given(TEXTS)
def test_the_same_text_is_always_cut_the_same_way(text: str) -> None:
    assert segment(text) == segment(text)


@pytest.mark.parametrize(
    "whole",
    [
        "Seen by Dr. Smith in clinic.",
        "EGFR p.Leu858Arg was found.",
        "A 1.5 cm mass was seen.",
        "Mutations, e.g. KRAS, i.e. none vs. wild type, were sought.",
        "Specimen No. 3 shows tumor.",
        "Referred by J. Smith of St. Mary Hospital.",
        "Liver lesion ?mets on CT.",
        "Takes tamoxifen 20 mg q.d. for years.",
        "Invasive moderately differentiated keratinizing squamous cell\ncarcinoma of the lung.",
        "TOTAL ABDOMINAL HYSTERECTOMY WITH BILATERAL \nSALPINGO-OOPHORECTOMY",
        "co-\ndeletion of 1p/19q",
    ],
)
def test_this_stays_one_sentence(whole: str) -> None:
    assert sentences(whole) == [whole]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("No mass. Liver is normal.", ["No mass.", "Liver is normal."]),
        ("the liver is normal. no mass is seen.", ["the liver is normal.", "no mass is seen."]),
        ("She has hepatitis B. She takes tenofovir.", ["She has hepatitis B.", "She takes tenofovir."]),
        ("She smokes.Her mother did not.", ["She smokes.", "Her mother did not."]),
        ("pT3c\npN1\npMX", ["pT3c", "pN1", "pMX"]),
        ("Impression: 1. Mass. 2. No nodes.", ["Impression:", "1. Mass.", "2. No nodes."]),
        ("Nausea: No\nFatigue: Yes", ["Nausea: No", "Fatigue: Yes"]),
        ("- lung mass\n- liver mass", ["- lung mass", "- liver mass"]),
        ("Diagnosis\nBreast cancer", ["Diagnosis", "Breast cancer"]),
        ("First line\n\nsecond line", ["First line", "second line"]),
        ("Is it cancer? Biopsy is due.", ["Is it cancer?", "Biopsy is due."]),
    ],
)
def test_these_are_sentences_of_their_own(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("FAMILY HISTORY:", "family_history"),
        ("Family Hx:", "family_history"),
        ("PAST MEDICAL HISTORY:", "past_history"),
        ("Past Surgical History", "past_history"),
        ("HPI:", "history_of_present_illness"),
        ("# Social History", "social_history"),
        ("CURRENT MEDICATIONS:", "medications"),
        ("Allergies:", "allergies"),
        ("REVIEW OF SYSTEMS:", "review_of_systems"),
        ("PHYSICAL EXAMINATION:", "physical_exam"),
        ("GROSS DESCRIPTION:", "specimen"),
        ("MICROSCOPIC DESCRIPTION:", "pathology"),
        ("POSTOPERATIVE DIAGNOSIS:", "diagnosis"),
        ("Impression", "assessment"),
        ("ASSESSMENT/PLAN:", "assessment"),
        ("Assessment and Plan:", "assessment"),
        ("## Plan", "plan"),
        ("RECOMMENDATIONS:", "recommendation"),
        ("PROCEDURE PERFORMED:", "procedure"),
        ("Comparison:", "imaging"),
        ("ECG:", "imaging"),
        ("ECHO:", "imaging"),
        ("LABORATORY DATA:", "laboratory"),
        ("BRIEF HOSPITAL COURSE:", "hospital_course"),
        ("Clinical indication:", "indication"),
    ],
)
def test_a_heading_opens_its_section(heading: str, kind: str) -> None:
    text = f"Before.\n\n{heading}\nSomething is written here."
    assert sections(text) == [("other", "Before.\n\n"), (kind, f"{heading}\nSomething is written here.")]


def test_text_on_the_heading_s_own_line_is_in_its_section() -> None:
    text = "FAMILY HISTORY:  Her mother had uterine cancer.\nPHYSICAL EXAM: Normal."
    assert kind_of(text, "uterine") == "family_history"
    assert kind_of(text, "Normal") == "physical_exam"


def test_an_unknown_heading_in_capitals_ends_a_family_history() -> None:
    text = "FAMILY HISTORY: Father had lung cancer.\nMOTHER: well.\nGROSS APPEARANCE: Tumor."
    assert kind_of(text, "well") == "family_history"
    assert kind_of(text, "Tumor") == "other"


def test_headings_within_a_line_are_seen() -> None:
    text = "Indication: cough. Comparison: ct of 2020-06-03 findings: a mass. Impression: 1. Cancer."
    assert [kind for kind, _ in sections(text)] == ["indication", "imaging", "findings", "assessment"]


def test_a_heading_within_a_line_rules_its_paragraph_only() -> None:
    text = "ASSESSMENT: Lung cancer. Family history: mother had melanoma.\n\nShe has stage IV disease."
    assert kind_of(text, "melanoma") == "family_history"
    assert kind_of(text, "stage IV") == "assessment"


def test_words_of_a_sentence_are_no_heading() -> None:
    text = "She has a family history of breast cancer and the plan is surgery."
    assert sections(text) == [("other", text)]


def test_an_empty_text_has_no_sentence_and_no_section() -> None:
    assert segment("") == segment("")
    assert segment("").sentences == () == segment("").sections


@pytest.mark.parametrize("piece", ["a. ", "Plan: x. ", "(", "past ", "A.", "\n", "- ", " ", "word ", "X:\n", "1. "])
def test_time_grows_with_the_text_and_not_with_its_square(piece: str) -> None:
    def seconds(text: str) -> float:
        best = []
        for _ in range(3):
            start = time.perf_counter()
            segment(text)
            best.append(time.perf_counter() - start)
        return min(best)

    text = piece * (4_000 // len(piece))
    assert seconds(text * 8) < 8 * 3 * seconds(text) + 0.02
