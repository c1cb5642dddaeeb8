"""treatment."""

from __future__ import annotations

import pytest

from medie_fhir.coding.tables import Tables
from medie_fhir.coding.treatment import code_treatment


@pytest.mark.parametrize(
    ("value", "kind", "category"),
    [
        ("osimertinib", "targeted", "416608005"),
        ("pembrolizumab", "immunotherapy", "76334006"),
        ("letrozole", "hormone", "169413002"),
        ("cisplatin", "drug", "367336001"),
        ("FOLFOX", "regimen", "367336001"),
        ("lumpectomy", "surgery", "387713003"),
        ("whole-brain radiation", "radiotherapy", "108290001"),
        ("autologous stem cell transplant", "transplant", "234336002"),
    ],
)
def test_a_treatment_has_its_kind_and_class(tables: Tables, value: str, kind: str, category: str) -> None:
    concept = code_treatment(value, tables)
    assert concept.attributes["kind"] == kind
    assert [c.code for c in concept.codings["category"]] == [category]


def test_watching_is_no_treatment(tables: Tables) -> None:
    assert code_treatment("active surveillance", tables).match == "none"


@pytest.mark.parametrize(
    "value", ["Tagrisso", "osimertinib 80 mg daily", "first-line osimertinib", "osimertinib (ongoing)"]
)
def test_brand_dose_and_line_make_no_other_drug(tables: Tables, value: str) -> None:
    assert code_treatment(value, tables).key == "http://www.drugbank.ca|DB09330"


def test_a_regimen_names_its_ingredients(tables: Tables) -> None:
    shown = [c.display for c in code_treatment("mFOLFOX6", tables).codings["ingredient"]]
    assert shown == ["Fluorouracil", "Leucovorin", "Oxaliplatin"]


@pytest.mark.parametrize(
    "value", ["carboplatin and paclitaxel", "paclitaxel + carboplatin", "adjuvant carboplatin/paclitaxel x6 cycles"]
)
def test_a_combination_is_one_in_any_order_and_has_no_single_code(tables: Tables, value: str) -> None:
    concept = code_treatment(value, tables)
    assert concept.key == "text|carboplatin+paclitaxel"
    assert concept.main is None
    assert len(concept.codings["ingredient"]) == 2


def test_a_combination_over_classes_has_the_class_that_holds_them(tables: Tables) -> None:
    assert [c.code for c in code_treatment("carboplatin and pembrolizumab", tables).codings["category"]] == [
        "416608005"
    ]
    assert [c.code for c in code_treatment("lumpectomy and tamoxifen", tables).codings["category"]] == ["277132007"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("surgery (lumpectomy)", "lumpectomy"),
        ("leuprolide (androgen deprivation therapy)", "leuprolide"),
        ("androgen deprivation therapy (leuprolide)", "leuprolide"),
        ("TCHP (docetaxel, carboplatin, trastuzumab, pertuzumab)", "tchp"),
        ("erlotinib (progressed)", "erlotinib"),
    ],
)
def test_parentheses_name_the_drug_of_a_class_or_repeat_a_regimen(tables: Tables, value: str, name: str) -> None:
    assert code_treatment(value, tables).row == f"treatments:{name}"


def test_a_drug_without_a_free_code_is_known_and_says_so(tables: Tables) -> None:
    concept = code_treatment("lazertinib", tables)
    assert (concept.key, concept.match, concept.main) == ("text|lazertinib", "exact", None)


@pytest.mark.parametrize(
    "value", ["no chemotherapy", "declined surgery", "aspirin", "carboplatin and aspirin", "radiosurgery to the moon"]
)
def test_an_unknown_word_leaves_the_whole_uncoded(tables: Tables, value: str) -> None:
    assert code_treatment(value, tables).match == "none"


def test_a_transplant_of_stem_cells_is_not_said_to_be_of_blood(tables: Tables) -> None:
    concept = code_treatment("ASCT", tables)
    assert concept.main is not None
    assert concept.main.code == "234336002"
    assert concept.attributes["broader"] is True
    assert concept.key != code_treatment("allo-SCT", tables).key


def test_chemoembolisation_is_no_drug(tables: Tables) -> None:
    assert code_treatment("TACE", tables).attributes["kind"] == "other"


@pytest.mark.parametrize(
    "value", ["bevacizumab (prior erlotinib)", "bevacizumab (previously FOLFOX)", "bevacizumab (after erlotinib)"]
)
def test_the_line_before_in_parentheses_is_no_part_of_it(tables: Tables, value: str) -> None:
    concept = code_treatment(value, tables)
    assert [c.code for c in concept.codings["code"]] == ["DB00112"]
    assert "ingredient" not in concept.codings


@pytest.mark.parametrize(
    "value",
    [
        "rifampicin",
        "midazolam",
        "nortriptyline",
        "tamsulosin",
        "miconazole",
        "lovastatin",
        "calcitriol",
        "sirolimus",
        "azathioprine",
        "leflunomide",
        "infliximab",
        "adalimumab",
        "omalizumab",
        "tofacitinib",
        "baricitinib",
        "fingolimod",
        "cetrorelix",
        "ganirelix",
        "emtricitabine",
        "thyroglobulin",
        "denosumab",
        "plerixafor",
        "curcumin",
        "quercetin",
        "treatment",
        "therapy",
    ],
)
def test_what_is_not_given_for_cancer_is_no_treatment_of_it(tables: Tables, value: str) -> None:
    assert code_treatment(value, tables).match == "none"


@pytest.mark.parametrize(
    "value", ["dexamethasone", "prednisone 40 mg daily", "leucovorin", "dexamethasone and prednisolone", "evista"]
)
def test_a_supportive_drug_by_itself_is_text(tables: Tables, value: str) -> None:
    assert code_treatment(value, tables).match == "none"


def test_a_supportive_drug_is_a_part_of_a_combination(tables: Tables) -> None:
    concept = code_treatment("lenalidomide, bortezomib and dexamethasone", tables)
    assert [c.display for c in concept.codings["ingredient"]] == ["Lenalidomide", "Bortezomib", "Dexamethasone"]


@pytest.mark.parametrize(
    ("value", "untold"),
    [
        ("AC-T", {"paclitaxel", "docetaxel"}),
        ("AC-TH", {"paclitaxel", "docetaxel"}),
        ("TCH", {"docetaxel", "carboplatin"}),
        ("TCHP", {"docetaxel"}),
        ("THP", {"docetaxel", "trastuzumab"}),
        ("CHOP", {"prednisone"}),
        ("R-CHOP", {"prednisone"}),
        ("7+3", {"daunorubicin"}),
        ("EP", {"cisplatin", "etoposide"}),
        ("ICE", {"carboplatin", "ifosfamide"}),
        ("VAC", {"dactinomycin"}),
        ("VIP", {"etoposide"}),
    ],
)
def test_a_letter_of_two_drugs_is_no_ingredient(tables: Tables, value: str, untold: set[str]) -> None:
    concept = code_treatment(value, tables)
    assert concept.attributes["kind"] == "regimen"
    assert untold.isdisjoint((c.display or "").lower() for c in concept.codings.get("ingredient", ()))


def test_the_drugs_in_parentheses_are_ingredients_of_the_regimen(tables: Tables) -> None:
    concept = code_treatment("AC-T (doxorubicin, cyclophosphamide, docetaxel)", tables)
    assert concept.row == "treatments:ac-t"
    assert [c.display for c in concept.codings["ingredient"]] == ["Doxorubicin", "Cyclophosphamide", "Docetaxel"]


@pytest.mark.parametrize(
    "value",
    ["planned radiation", "tamoxifen planned", "docetaxel then planned surgery", "FOLFOX (planned bevacizumab)"],
)
def test_a_plan_told_by_the_value_itself_is_text(tables: Tables, value: str) -> None:
    assert code_treatment(value, tables).match == "none"
