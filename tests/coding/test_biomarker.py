"""biomarker."""

from __future__ import annotations

import pytest

from medie_fhir.coding.biomarker import code_biomarker
from medie_fhir.coding.lookup import text_only
from medie_fhir.coding.tables import Tables

LOINC = "http://loinc.org"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("ER positive", "16112-5|positive"),
        ("ER+", "16112-5|positive"),
        ("ER-positive", "16112-5|positive"),
        ("ER weakly positive", "16112-5|positive"),
        ("PR-", "16113-3|negative"),
        ("PR (-)", "16113-3|negative"),
        ("HER2 2+", "48676-1|score-2"),
        ("HER2 3+ by IHC", "18474-7|score-3"),
        ("HER2 IHC 0", "18474-7|negative"),
        ("HER2 amplification", "48676-1|positive"),
        ("HER2 non-amplified", "48676-1|negative"),
        ("MSI-H (loss of MLH1/PMS2)", "81695-9|msi-high"),
        ("MSS (mismatch repair proficient)", "81695-9|msi-stable"),
        ("TMB-high", "94076-7|high"),
        ("undetectable PSA", "2857-1|undetectable"),
        ("PD-L1 TPS 50%", "83053-9|50 %"),
        ("PD-L1 <1%", "83053-9|<1 %"),
        ("PSA 12.4 ng/mL", "2857-1|12.4 ng/mL"),
        ("PSA 120 ng/mL (decreased to 10 ng/mL after treatment)", "2857-1|120 ng/mL"),
    ],
)
def test_the_key_is_marker_and_result(tables: Tables, value: str, key: str) -> None:
    assert code_biomarker(value, tables).key == f"{LOINC}|{key}"


def test_a_word_and_a_number_are_both_kept(tables: Tables) -> None:
    concept = code_biomarker("ER positive (95%)", tables)
    assert [c.code for c in concept.codings["code"]] == ["16112-5"]
    assert [c.code for c in concept.codings["value"]] == ["10828004"]
    assert [c.code for c in concept.codings["quantity"]] == ["14228-1"]
    assert concept.attributes["quantity"] == {
        "value": 95,
        "unit": "%",
        "system": "http://unitsofmeasure.org",
        "code": "%",
    }


def test_msi_answers_are_those_of_loinc(tables: Tables) -> None:
    assert [c.code for c in code_biomarker("MSI-H", tables).codings["value"]] == ["LA26203-2"]
    assert [c.code for c in code_biomarker("MSS", tables).codings["value"]] == ["LA14122-8"]


def test_a_number_in_a_foreign_unit_does_not_get_the_code_of_another_property(tables: Tables) -> None:
    concept = code_biomarker("PSA 12 mg/L", tables)
    assert concept.main is None
    assert concept.attributes["quantity"]["code"] == "mg/L"


def test_triple_negative_stays_one_text(tables: Tables) -> None:
    concept = code_biomarker("triple negative", tables)
    assert concept.codings == {}
    assert concept.match == "rule"


@pytest.mark.parametrize(
    "value",
    [
        "ER+/PR+",
        "ER/PR negative",
        "ER not positive",
        "ER negative positive",
        "PD-L1 not reported",
        "PD-L1 1-5%",
        "200 U/mL",
    ],
)
def test_two_markers_two_results_and_unknown_words_get_no_code(tables: Tables, value: str) -> None:
    assert code_biomarker(value, tables).match == "none"


@pytest.mark.parametrize(
    "value", ["CA-125 elevated (normalized on treatment)", "PSA elevated (12 ng/mL), nadir 0.2 ng/mL"]
)
def test_a_result_that_the_parentheses_take_back_gets_no_code(tables: Tables, value: str) -> None:
    assert code_biomarker(value, tables).codings == {}


def test_the_score_of_a_stain_is_the_result_of_her2_alone(tables: Tables) -> None:
    values = {
        value: [c.code for c in code_biomarker(value, tables).codings["value"]]
        for value in ("HER2 1+", "HER2 2+", "ER 1+", "PR 2+", "ER 3+")
    }
    assert values == {
        "HER2 1+": ["260385009", "441614007"],  # negative
        "HER2 2+": ["280414007", "441517005"],  # equivocal
        "ER 1+": ["441614007"],  # a weak stain is no negative
        "PR 2+": ["441517005"],
        "ER 3+": ["441521003"],
    }


@pytest.mark.parametrize(
    ("value", "code", "unit"),
    [
        ("PSA 4.5 µg/L", "2857-1", "ug/L"),
        ("PSA 4.5 \N{GREEK SMALL LETTER MU}g/L", "2857-1", "ug/L"),
        ("CA-125 35 kU/L", "10334-1", "kU/L"),
        ("CA 19-9 37 IU/mL", "24108-3", "[IU]/mL"),
        ("LDH 450 IU/L", "2532-0", "[IU]/L"),
    ],
)
def test_a_unit_of_the_same_property_keeps_the_code(tables: Tables, value: str, code: str, unit: str) -> None:
    concept = code_biomarker(value, tables)
    assert [c.code for c in concept.codings["code"]] == [code]
    assert concept.attributes["quantity"]["code"] == unit


def test_hcg_is_not_said_to_be_its_beta_subunit(tables: Tables) -> None:
    assert code_biomarker("hCG 25 IU/L", tables).main is None
    assert code_biomarker("beta-hCG 25 IU/L", tables).main is not None


def test_cps_is_no_tumour_proportion_score(tables: Tables) -> None:
    assert code_biomarker("PD-L1 CPS 10", tables).main is None
    assert code_biomarker("PD-L1 (CPS 20)", tables).main is None


@pytest.mark.parametrize("value", ["PD-L1 15 (22C3)", "PD-L1 15", "PSA <0.1", "Ki-67 30", "CA-125 35", "TMB 12"])
def test_a_number_without_a_unit_is_none_of_a_mass_or_a_share(tables: Tables, value: str) -> None:
    concept = code_biomarker(value, tables)
    assert concept.main is None
    assert "unit" not in concept.attributes["quantity"]


@pytest.mark.parametrize("value", ["PD-L1 TPS 50", "PD-L1 tumor proportion score 50", "PD-L1 50%", "PD-L1 50 (TPS)"])
def test_the_tumour_proportion_score_is_a_share_though_no_sign_says_so(tables: Tables, value: str) -> None:
    assert code_biomarker(value, tables).key.startswith(f"{LOINC}|83053-9|50")


@pytest.mark.parametrize(
    ("value", "evidence"),
    [
        ("PD-L1 15 (22C3)", "PD-L1 CPS 15 (22C3)"),
        ("PD-L1 15%", "PD-L1 CPS 15%"),
        ("PD-L1 15%", "PD-L1 (22C3) combined positive score 15%"),
        ("PD-L1 22C3 15%", "PD-L1 22C3: CPS 15%"),
        ("PD-L1 5%", "PD-L1 SP142 5%"),
        ("hCG 5 ng/mL", "beta-hCG 5 ng/mL"),
        ("PSA 5 ng/mL", "CEA 5 ng/mL"),
    ],
)
def test_a_value_that_lost_the_kind_of_its_marker_is_text(tables: Tables, value: str, evidence: str) -> None:
    assert code_biomarker(value, tables).match == "rule"
    assert code_biomarker(value, tables, evidence) == text_only(value)


@pytest.mark.parametrize(
    ("value", "evidence"),
    [
        ("PD-L1 50%", "PD-L1 (22C3) 50%"),
        ("PD-L1 22C3 50%", "PD-L1 TPS 50%, 22C3"),
        ("ER positive", "ER/PR positive"),
        ("ALK negative", "ALK FISH negative"),
        ("MSI-H", "MSI-H (MLH1 loss)"),
        ("PSA 5 ng/mL", "5 ng/mL"),
    ],
)
def test_evidence_that_agrees_changes_nothing(tables: Tables, value: str, evidence: str) -> None:
    assert code_biomarker(value, tables, evidence) == code_biomarker(value, tables)
    assert code_biomarker(value, tables).match == "rule"


def test_alk_and_ros1_are_markers_whose_test_is_known_only_where_it_is_named(tables: Tables) -> None:
    for value in ("ALK negative", "ROS1 negative", "ALK rearrangement negative"):
        concept = code_biomarker(value, tables)
        assert concept.main is None
        assert [c.code for c in concept.codings["value"]] == ["260385009"]
    assert code_biomarker("ALK negative by FISH", tables).key == f"{LOINC}|78205-2|negative"


def test_the_score_of_a_stain_is_no_result_of_fish(tables: Tables) -> None:
    assert code_biomarker("HER2 3+ (FISH amplified)", tables).key == f"{LOINC}|48676-1|score-3"
    assert code_biomarker("HER2 amplified by FISH", tables).key == f"{LOINC}|31150-6|positive"


def test_two_times_in_one_value_are_text(tables: Tables) -> None:
    assert code_biomarker("PSA 12 ng/mL (post-op undetectable)", tables).match == "none"
    assert code_biomarker("PSA undetectable (<0.1 ng/mL)", tables).key == f"{LOINC}|2857-1|undetectable"
