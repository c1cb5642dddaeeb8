"""When two wordings are the same fact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.evaluation import Matcher
from medie_fhir.evaluation.matching import items

LINE = "no stage iv T2N0 lung pulmonary breast left right EGFR L858R T790M positive brain metastasis of 12% her-2/neu"
WORDS = st.sampled_from(sorted(LINE.split()))
WORDINGS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
FIELD = st.sampled_from(
    ["cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site"]
)


@pytest.mark.parametrize(
    ("field", "predicted", "gold"),
    [
        ("cancer_type", "NSCLC", "non-small-cell lung carcinoma"),
        ("cancer_type", "adenocarcinoma", "adenocarcinoma of the pancreas"),
        ("stage", "4", "stage IV"),
        ("stage", "pT1cN0", "T1c, N0"),
        ("gene_mutation", "EGFR p.L858R", "EGFR L858R mutation"),
        ("biomarker", "HER-2/neu positive", "HER2+"),
        ("treatment", "Taxol", "weekly paclitaxel"),
        ("response", "disease has progressed", "progression"),
        ("metastasis_site", "hepatic metastases", "liver"),
    ],
)
def test_other_words_for_the_same_fact_match(matcher: Matcher, field: str, predicted: str, gold: str) -> None:
    assert matcher.compare(predicted, gold, field).same


@pytest.mark.parametrize(
    ("field", "predicted", "gold"),
    [
        ("cancer_type", "small cell lung cancer", "non-small cell lung cancer"),
        ("cancer_type", "carcinoma of the kidney", "carcinoma of the liver"),
        ("cancer_type", "squamous cell carcinoma of the lung", "adenocarcinoma of the lung"),
        ("stage", "stage IIIA", "stage IIIB"),
        ("stage", "T1N0", "T1N1"),
        ("gene_mutation", "KRAS G12D", "KRAS G13D"),
        ("gene_mutation", "ROS1 fusion", "ALK fusion"),
        ("biomarker", "HER2 negative", "HER2 positive"),
        ("treatment", "cisplatin", "carboplatin"),
        ("response", "no progression", "progression"),
        ("metastasis_site", "left axilla", "right axilla"),
    ],
)
def test_another_fact_in_like_words_does_not_match(matcher: Matcher, field: str, predicted: str, gold: str) -> None:
    assert not matcher.compare(predicted, gold, field).same


def test_what_is_forbidden_is_forbidden_however_it_is_denied(matcher: Matcher) -> None:
    assert matcher.compare("no liver metastases", "liver", "metastasis_site", forbidden=True).same
    assert not matcher.compare("HER2 negative", "HER2 positive", "biomarker", forbidden=True).same


def test_a_copied_passage_matches_nothing(matcher: Matcher) -> None:
    assert not matcher.compare(" ".join(f"word{n}" for n in range(50)) + " stage iv", "stage IV", "stage").same


def test_a_value_of_several_facts_is_parted_and_words_for_none_are_none() -> None:
    assert items(" a ; None|b.; n/a;") == ("a", "b")
    assert items("t(11;14) by FISH; del(17p)") == ("t(11;14) by FISH", "del(17p)")


@given(wording=WORDINGS, field=FIELD)
def test_a_wording_is_the_same_fact_as_itself(matcher: Matcher, wording: str, field: str) -> None:
    likeness = matcher.compare(wording, wording, field)
    assert (likeness.same, likeness.closeness) == (True, 1.0) or not matcher.words(wording, field)


@given(one=WORDINGS, other=WORDINGS, field=FIELD)
def test_likeness_is_mutual(matcher: Matcher, one: str, other: str, field: str) -> None:
    assert matcher.compare(one, other, field) == matcher.compare(other, one, field)


@given(one=st.text(max_size=60), other=st.text(max_size=60), field=FIELD)
def test_any_text_can_be_compared(matcher: Matcher, one: str, other: str, field: str) -> None:
    assert 0 <= matcher.compare(one, other, field).closeness <= 1
