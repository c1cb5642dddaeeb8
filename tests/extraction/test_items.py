"""A value falls into the items that a reader would see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.errors import ModelOutputError
from medie_fhir.extraction.items import items
from medie_fhir.extraction.parse import ParsedValue
from medie_fhir.extraction.task import Task


def split(task: Task, field: str, text: str, cut: bool = False) -> list[str]:
    value = ParsedValue(text, tuple(range(len(text) + 1)), cut)
    return [text[item.start : item.end] for item in items(value, task.fields[field], task)]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("cancer_type", "breast cancer (ductal, HER2-positive)", ["breast cancer (ductal, HER2-positive)"]),
        ("cancer_type", "lung adenocarcinoma; melanoma", ["lung adenocarcinoma", "melanoma"]),
        ("cancer_type", "carcinoma, squamous cell", ["carcinoma, squamous cell"]),
        ("stage", "T2, N0, M0", ["T2, N0, M0"]),
        ("stage", "pT2, pN1a, cM0; IIB", ["pT2, pN1a, cM0", "IIB"]),
        ("stage", "IIIA, T2N0M0", ["IIIA", "T2N0M0"]),
        ("stage", "IV (T2, N0; M1)", ["IV (T2, N0; M1)"]),
        ("gene_mutation", "EGFR L858R; EGFR T790M", ["EGFR L858R", "EGFR T790M"]),
        ("gene_mutation", "t(9;22), del(17p)", ["t(9;22)", "del(17p)"]),
        ("biomarker", "ER 90%, PR 20%", ["ER 90%", "PR 20%"]),
        ("biomarker", "HER2 amplification; ER+/PR+", ["HER2 amplification", "ER+", "PR+"]),
        ("biomarker", "HER2/neu positive", ["HER2/neu positive"]),
        ("biomarker", "CA 19-9 1,250 U/mL", ["CA 19-9 1,250 U/mL"]),
        ("biomarker", "PD-L1 50% (22C3, TPS); MSS", ["PD-L1 50% (22C3, TPS)", "MSS"]),
        ("treatment", "pembrolizumab; then dabrafenib + trametinib", ["pembrolizumab", "dabrafenib", "trametinib"]),
        ("treatment", "lumpectomy, paclitaxel and trastuzumab", ["lumpectomy", "paclitaxel", "trastuzumab"]),
        ("treatment", "head and neck irradiation", ["head and neck irradiation"]),
        ("treatment", "FOLFOX plus bevacizumab followed by surgery", ["FOLFOX", "bevacizumab", "surgery"]),
        ("response", "initial partial response, then progression", ["initial partial response", "progression"]),
        ("response", "complete response / no evidence of disease", ["complete response", "no evidence of disease"]),
        ("metastasis_site", "brain, bone (thoracic, lumbar) and liver", ["brain", "bone (thoracic, lumbar)", "liver"]),
    ],
)  # fmt: skip
def test_values_of_the_training_s_wording_split_as_meant(
    task: Task, field: str, value: str, expected: list[str]
) -> None:
    assert split(task, field, value) == expected


@pytest.mark.parametrize("word", ["none", "None.", "N/A", "null", "Not specified", "unknown", "", " ; ", "-", "—"])
def test_words_for_no_value_are_no_items(task: Task, word: str) -> None:
    assert split(task, "metastasis_site", word) == []
    assert split(task, "metastasis_site", f"liver; {word}") == ["liver"]


def test_an_item_said_twice_is_one(task: Task) -> None:
    assert split(task, "metastasis_site", "bone, Liver, bone, liver,  LIVER") == ["bone", "Liver"]


def test_a_bracket_that_is_never_closed_protects_nothing(task: Task) -> None:
    assert split(task, "metastasis_site", "bone (left; liver") == ["bone (left", "liver"]


def test_of_a_cut_value_the_last_item_is_left_out(task: Task) -> None:
    assert split(task, "metastasis_site", "bone, liver, perito", cut=True) == ["bone", "liver"]


def test_a_cut_value_of_one_item_is_an_error(task: Task) -> None:
    with pytest.raises(ModelOutputError, match="without an end"):
        split(task, "cancer_type", "carcinoma of the of the of the", cut=True)


@given(
    st.text(alphabet=st.sampled_from("ab;,()[] +/-\n9NT"), max_size=60),
    st.sampled_from(["stage", "biomarker", "treatment"]),
)
def test_items_are_ordered_apart_and_without_blanks_around_them(task: Task, text: str, field: str) -> None:
    value = ParsedValue(text, tuple(range(len(text) + 1)))
    end = 0
    for item in items(value, task.fields[field], task):
        assert end <= item.start < item.end <= len(text)
        assert text[item.start : item.end] == text[item.start : item.end].strip()
        end = item.end
