"""cancer_type."""

from __future__ import annotations

import pytest

from medie_fhir.coding.cancer import code_cancer
from medie_fhir.coding.tables import Tables


def test_snomed_comes_first_and_icd_10_cm_with_it(tables: Tables) -> None:
    concept = code_cancer("prostate adenocarcinoma", tables)
    assert [(c.system, c.code) for c in concept.codings["code"]] == [
        ("http://snomed.info/sct", "399490008"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "C61"),
    ]
    assert concept.match == "exact"


def test_side_and_course_are_kept_apart_from_the_code(tables: Tables) -> None:
    concept = code_cancer("recurrent left breast adenocarcinoma", tables)
    assert concept.attributes["modifiers"] == ("recurrent", "left")
    assert concept.codings["laterality"][0].code == "7771000"


def test_a_subtype_without_exact_code_stays_apart_from_its_parent(tables: Tables) -> None:
    serous, ovarian = (code_cancer(v, tables) for v in ("high-grade serous ovarian carcinoma", "ovarian cancer"))
    assert serous.main == ovarian.main
    assert serous.key != ovarian.key
    assert serous.attributes["broader"] is True


@pytest.mark.parametrize("value", ["metastatic castration-resistant prostate cancer", "prostate cancer (mCRPC)"])
def test_a_named_subtype_goes_before_its_parent(tables: Tables, value: str) -> None:
    assert code_cancer(value, tables).row == "cancers:prostate-castration-resistant"


@pytest.mark.parametrize("value", ["no melanoma", "cancer of the moon", "melanoma (ruled out)", "carcinoma of"])
def test_what_is_denied_or_unknown_gets_no_code(tables: Tables, value: str) -> None:
    assert code_cancer(value, tables).main is None


@pytest.mark.parametrize(
    ("value", "behaviour"),
    [
        ("lipoma", "benign"),
        ("benign neoplasm of larynx", "benign"),
        ("carcinoma in situ of endocervix", "in-situ"),
        ("lung adenocarcinoma", None),
    ],
)
def test_what_is_no_invasive_cancer_says_so(tables: Tables, value: str, behaviour: str | None) -> None:
    assert code_cancer(value, tables).attributes.get("behaviour") == behaviour


def test_a_breast_cancer_gets_no_code_that_tells_the_sex(tables: Tables) -> None:
    codes = {coding.code for coding in code_cancer("breast cancer", tables).codings["code"]}
    assert codes == {"254837009"}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("lung adenocarcinoma", "C34.90"),
        ("left lung adenocarcinoma", "C34.92"),
        ("renal cell carcinoma, right", "C64.1"),
    ],
)
def test_icd_10_cm_tells_the_side_that_is_told(tables: Tables, value: str, code: str) -> None:
    assert code in {coding.code for coding in code_cancer(value, tables).codings["code"]}


def test_a_disease_of_two_codes_of_icd_10_cm_gets_neither(tables: Tables) -> None:
    assert {c.code for c in code_cancer("CLL/SLL", tables).codings["code"]} == {"109979007"}
    assert "C91.10" in {c.code for c in code_cancer("CLL", tables).codings["code"]}
    assert "C83.00" in {c.code for c in code_cancer("SLL", tables).codings["code"]}
