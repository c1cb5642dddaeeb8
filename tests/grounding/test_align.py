"""A value is found where the note has it, however it is typed; and never where the note has another one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from medie_fhir.document.segment import segment
from medie_fhir.extraction import load_task
from medie_fhir.grounding import Aligned, AlignRules, align
from medie_fhir.model import Alignment, NoteText, OffsetMap, Span
from medie_fhir.shipped import shipped

NoteOf = Callable[[str], NoteText]
DEFAULT = AlignRules()
STAGE = AlignRules(
    core=r"(?:stage\s*)?(?P<value>(?:[0-4]|I{1,3}|IV)[A-D]?)",
    forms=(r"stage(?:\s+group|\s+is)?\s*:?\s*{value}",),
    bare_needs_form=r"(?:[0-4]|I{1,3}|IV)[A-D]?",
    before="y?[pc]",
)


def find(value: str, text: str, rules: AlignRules = DEFAULT) -> tuple[Aligned, list[str]]:
    found = segment(text)
    note = NoteText(text, text, OffsetMap.identity(len(text)), "text/plain", "", None, found.sentences, found.sections)
    aligned = align(value, note, Span(0, len(text)), rules)
    return aligned, [text[s.start : s.end] for s in aligned.spans]


@pytest.mark.parametrize(
    ("value", "text", "alignment", "mentions"),
    [
        ("lung cancer", "She has lung cancer.", "exact", ["lung cancer"]),
        ("lung cancer", "LUNG CANCER. He has lung cancer.", "exact", ["LUNG CANCER", "lung cancer"]),
        ("Lung cancer", "lung\n  cancer", "normalised", ["lung\n  cancer"]),
        ("HER2 positive", "The tumor is HER-2 positive.", "normalised", ["HER-2 positive"]),
        ("EGFR T790M", "EGFR T790\u2009M was found", "normalised", ["EGFR T790\u2009M"]),
        ("non-small-cell lung cancer", "Non\u2013small cell lung cancer", "normalised",
         ["Non\u2013small cell lung cancer"]),
        ("codeletion of 1p/19q", "has co-\ndeletion of 1p/19q", "normalised", ["co-\ndeletion of 1p/19q"]),
        ("T2N0M0", "staged as T2 N0 M0.", "normalised", ["T2 N0 M0"]),
        ("lung adenocarcinoma", "adenocarcinoma of the lung", "fuzzy", ["adenocarcinoma of the lung"]),
        ("liver metastases", "a metastasis in the liver", "fuzzy", ["metastasis in the liver"]),
        ("ovarian tumour", "an ovarian tumor", "fuzzy", ["ovarian tumor"]),
        ("oesophageal carcinoma", "esophageal carcinoma", "fuzzy", ["esophageal carcinoma"]),
        ("radical prostatectomy", "radical prostatectmoy", "fuzzy", ["radical prostatectmoy"]),
        ("adenocarcinoma", "adenocarclnoma", "fuzzy", ["adenocarclnoma"]),
        ("HER2 positive", "HER2+ disease", "fuzzy", ["HER2+"]),
        ("BRAF V600E", "BRAF pV600E", "fuzzy", ["BRAF pV600E"]),
        ("BRAF V600E", "BRAF p.V600E", "fuzzy", ["BRAF p.V600E"]),
        ("ER positive", "ER and PR positive", "fuzzy", ["ER and PR positive"]),
        ("HER2 positive", "a positive HER2", "fuzzy", ["positive HER2"]),
        ("HER2 positive", "ER was lost; positive HER2 by FISH", "fuzzy", ["positive HER2"]),
        ("PSA <0.1", "PSA was less than 0.1", "fuzzy", ["PSA was less than 0.1"]),
        ("liver metastases", "liver, lung and bone metastases", "fuzzy", ["liver, lung and bone metastases"]),
        ("lung adenocarcinoma", "adenocarcinoma of the right lower lobe of the lung", "fuzzy",
         ["adenocarcinoma of the right lower lobe of the lung"]),
        ("left upper lobectomy", "lobectomy, left upper", "fuzzy", ["lobectomy, left upper"]),
    ],
)  # fmt: skip
def test_a_value_is_found_as_the_note_has_it(value: str, text: str, alignment: str, mentions: list[str]) -> None:
    aligned, found = find(value, text)
    assert (aligned.alignment, found) == (alignment, mentions)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("lung cancer", "She has breast cancer and clear lungs."),
        ("stage I", "stage IA disease"),
        ("stage I", "stage II disease"),
        ("stage II", "stage II-III disease"),
        ("stage 4", "stage IV disease"),
        ("small cell carcinoma", "non-small cell carcinoma"),
        ("small cell lung cancer", "a small nodule of the lung, non-small cell cancer"),
        ("HER2 positive", "HER2 negative"),
        ("HER2-", "HER2-positive"),
        ("ER positive", "ER negative, PR positive"),
        ("ER positive", "HER2-positive and ER/PR negative"),
        ("ER positive", "ER weak and PR positive"),
        ("HER2 positive", "ER positive, HER2 negative"),
        ("HER2 positive", "ER positive HER2 negative"),
        ("HER2 positive", "ER+ HER2-"),
        ("HER2 positive", "ER/PR positive HER2"),
        ("KRAS mutated", "BRAF mutated, KRAS wild type"),
        ("MSI high", "TMB high, MSI stable"),
        ("lymph nodes positive", "margins positive, lymph nodes negative"),
        ("PD-L1 50%", "PD-L1 <50%"),
        ("PD-L1 50%", "PD-L1 of less than 50%"),
        ("PD-L1 50%", "PD-L1 is at least 50%"),
        ("PSA <0.1", "PSA of 0.1"),
        ("PSA >4", "PSA is ≥4"),
        ("EGFR L858R", "EGFR L861Q"),
        ("EGFR exon 19 deletion", "EGFR exon 20 insertion, deletion of 19"),
        ("KRAS G12C", "NRAS G12C"),
        ("BRAF mutated", "BRAF unmutated"),
        ("left lung nodule", "nodule of the right lung"),
        ("left breast", "the right and left side; breast"),
        ("complete response", "partial response, then complete"),
        ("PSA 12", "PSA 12.2"),
        ("Ki-67 20", "Ki-67 120"),
        ("CA 19", "CA 19-9"),
        ("lung metastasis", "the lung without metastasis"),
        ("lung adenocarcinoma", "Lung is clear. Adenocarcinoma of the colon."),
        ("lung carcinoma", "lung mass, breast carcinoma"),
        ("atypical", "a typical case"),
        ("lapatinib", "apatinib"),
        ("axitinib", "afatinib"),
        ("intrahepatic", "extrahepatic"),
        ("hypothyroidism", "hyperthyroidism"),
        ("unresectable tumor", "resectable tumor"),
        ("lung lesions", "lung was seen and the heart was of normal size and shape with no pain, lesions"),
        ("the", "of"),
        ("  ", "of"),
    ],
)
def test_another_value_is_never_taken_for_it(value: str, text: str) -> None:
    assert find(value, text)[0] == Aligned(Alignment.NONE)


@pytest.mark.parametrize(
    ("value", "text", "mentions"),
    [
        ("IV", "Give IV fluids. Stage: IV.", ["Stage: IV"]),
        ("IV", "IV fluids only", []),
        ("stage IIIA", "Stage group IIIA", ["Stage group IIIA"]),
        ("Stage II", "stage is II", ["stage is II"]),
        ("T3b", "pT3b", ["T3b"]),
        ("T3b", "xT3b", []),
    ],
)
def test_a_field_s_forms_and_glue_are_followed(value: str, text: str, mentions: list[str]) -> None:
    assert find(value, text, STAGE)[1] == mentions


@pytest.mark.parametrize(
    ("value", "text", "mentions"),
    [
        ("stage IV", "Stage IV lung cancer", ["Stage IV"]),
        ("stage 3", "CKD stage 3, colon cancer stage 3", ["stage 3"]),
        ("stage IV", "Stage IV CKD", []),
        ("stage III", "Stage III sacral pressure ulcer", []),
        ("stage II", "NYHA stage II", []),
        ("T2", "T2-weighted images", []),
        ("T3", "a compression fracture at T3", []),
        ("T3", "staged as pT3 N1", ["T3"]),
    ],
)
def test_the_oncology_task_stages_no_other_disease(value: str, text: str, mentions: list[str]) -> None:
    task = load_task(shipped("schemas", "tasks", "oncology.yaml").read_text("utf-8"))
    assert find(value, text, AlignRules.model_validate(task.fields["stage"].grounding))[1] == mentions


def test_context_must_match_the_sentence_or_the_line_above_the_list() -> None:
    rules = AlignRules(context="metasta")
    assert find("liver", "The liver is large. Metastases in the liver.", rules)[0].spans == (Span(38, 43),)
    assert find("liver", "Metastases:\n- lung\n- liver", rules)[1] == ["liver"]
    assert find("liver", "Organs:\n- lung\n- liver", rules)[1] == []


def test_neighbours_that_a_field_refuses_make_no_mention() -> None:
    rules = AlignRules(not_after=r"[-\s]targeted", not_before=r"anti-")
    assert find("HER2", "HER2-targeted and anti-HER2 therapy", rules)[1] == []
    assert find("HER2", "HER2 was positive", rules)[1] == ["HER2"]


def test_droppable_words_need_not_stand_in_the_note() -> None:
    rules = AlignRules(droppable=frozenset({"mutation"}))
    assert find("EGFR L858R mutation", "EGFR p.L858R", rules)[1] == ["EGFR p.L858R"]
    assert find("EGFR L858R mutation", "EGFR p.L858R")[0].alignment is Alignment.NONE


def test_fuzzy_alignment_can_be_forbidden() -> None:
    assert find("lung adenocarcinoma", "adenocarcinoma of the lung", AlignRules(fuzzy=False))[1] == []


def test_only_the_window_is_searched(note: NoteOf) -> None:
    text = "lung cancer. lung cancer."
    assert align("lung cancer", note(text), Span(5, len(text)), DEFAULT).spans == (Span(13, 24),)
    assert align("lung cancer", note(text), Span(13, 20), DEFAULT).spans == ()


@pytest.mark.parametrize(
    "bad", [{"context": "("}, {"forms": ["stage"]}, {"forms": ["({value}"]}, {"unknown": 1}, {"before": "["}]
)
def test_broken_rules_are_refused_at_load(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AlignRules.model_validate(bad)


WORDS = st.lists(st.sampled_from(["lung", "ductal", "carcinoma", "lobectomy", "HER2", "EGFR", "L858R"]), min_size=1,
                 max_size=4, unique=True)  # fmt: skip
FILLER = st.lists(st.sampled_from(["she", "was", "seen", "today", "with", "pain", "."]), max_size=8).map(" ".join)
LONG_FILLER = st.lists(st.sampled_from(["she", "was", "was", "with", "seen", "."]), max_size=12).map(" ".join)
GAPS = st.sampled_from([" ", "  ", "\n", "\u2009", "-", "\u2010", " - "])


@given(WORDS, FILLER, FILLER, st.data())
def test_a_planted_value_is_found_whatever_its_typography(
    words: list[str], before: str, after: str, data: st.DataObject
) -> None:
    planted = words[0]
    for word in words[1:]:
        planted += data.draw(GAPS) + word
    planted = data.draw(st.sampled_from([planted, planted.upper(), planted.lower()]))
    text = f"{before} {planted} {after}"
    aligned, found = find(" ".join(words), text)
    assert found == [planted]
    assert aligned.alignment is (Alignment.EXACT if planted == " ".join(words) else Alignment.NORMALISED)


CHANGES = {
    "stage IIIA": ["stage IIIB", "stage III", "stage IVA", "stage IA"],
    "EGFR L858R": ["EGFR L858Q", "ALK L858R", "EGFR L85R", "EGFR T790M"],
    "HER2 positive": ["HER2 negative", "HER2-", "HER2 not positive", "HER3 positive"],
    "left breast carcinoma": ["right breast carcinoma", "bilateral breast carcinoma", "breast carcinoma"],
    "MSI high": ["MSI low", "MSI", "MSI stable"],
    "Ki-67 30%": ["Ki-67 3%", "Ki-67 130%", "Ki-67 30.5%", "Ki-67 31%"],
    "BRAF wild type": ["BRAF mutant type", "KRAS wild type"],
}


@given(st.sampled_from(sorted(CHANGES)), st.data(), FILLER, FILLER)
def test_a_planted_other_value_is_never_found(value: str, data: st.DataObject, before: str, after: str) -> None:
    planted = data.draw(st.sampled_from(CHANGES[value]))
    aligned, _ = find(value, f"{before} {planted} {after}")
    assert aligned.alignment is Alignment.NONE


@given(st.text(max_size=30), st.text(max_size=120), st.integers(0, 120), st.integers(0, 120))
def test_spans_are_ordered_not_empty_and_within_the_window(value: str, text: str, start: int, end: int) -> None:
    assume(start <= end <= len(text))
    note = NoteText(text, text, OffsetMap.identity(len(text)), "text/plain", "", None, segment(text).sentences)
    aligned = align(value, note, Span(start, end), DEFAULT)
    assert list(aligned.spans) == sorted(set(aligned.spans))
    assert all(start <= s.start < s.end <= end for s in aligned.spans)
    assert (aligned.alignment is Alignment.NONE) == (not aligned.spans)


@given(WORDS, st.lists(LONG_FILLER, min_size=4, max_size=4))
@example(["lung", "ductal", "carcinoma"], ["", "she she", "she she she she was was was was", ""])
@example(["lung", "carcinoma"], ["", "was " * 9, "", ""])
def test_a_fuzzy_mention_is_bounded_in_length(words: list[str], fillers: list[str]) -> None:
    text = " ".join(f"{filler} {word}" for filler, word in zip(fillers, reversed(words), strict=False))
    _, found = find(" ".join(words), text)
    for mention in map(str.split, found):
        gaps = len(words) - 1
        assert len(mention) <= len(words) + 8 * gaps
        assert sum(word not in ("was", "with") for word in mention) <= len(words) + 4 * gaps


@pytest.mark.parametrize(
    ("value", "place", "is_found"),
    [
        ("PSA 5.6", "PSA on 3/4/2010 was 5.6", True),
        ("HER2-", "HER2-", True),
        ("PSA 5.6", "PSA on 3/4/2010 was 15.6", False),
        ("ER negative", "ER positive, PR weakly negative", False),
        ("PSA 5.6", "PSA on 3/4/2010 was not 5.6", False),
        ("PSA 5.6", "PSA ON 3/4/2010 WAS 5.6", True),
        ("EGFR mutation", "EGFR testing; patient has a mutation", False),
        ("EGFR mutation", "EGFR tested and KRAS mutation", False),
        ("PSA 5.6", "PSA " + "and so on, it " * 12 + "was 5.6", False),
    ],
)
def test_a_place_that_a_reader_points_at_is_its_values_two_ends(value: str, place: str, is_found: bool) -> None:
    text = f"He says: {place} metastatic cancer."
    note = NoteText(text, text, OffsetMap.identity(len(text)), "text/plain", "", None, segment(text).sentences)
    pointed = Span(9, 9 + len(place))
    assert align(value, note, pointed, DEFAULT).spans == ((pointed,) if is_found else ())


def test_a_whole_sentence_is_not_pointed_at() -> None:
    aligned, _ = find("ER negative", "ER positive, PR weakly negative")
    assert aligned.spans == ()
