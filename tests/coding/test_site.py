"""metastasis_site."""

from __future__ import annotations

import pytest

from medie_fhir.coding.site import code_site, lateralities
from medie_fhir.coding.tables import Tables


def test_a_site_has_its_condition_and_its_place(tables: Tables) -> None:
    concept = code_site("new brain metastases", tables)
    assert [c.code for c in concept.codings["code"]] == ["94225005", "C79.31"]
    assert concept.codings["body_site"][0].code == "12738006"
    assert concept.key == "http://snomed.info/sct|94225005"


def test_sites_under_one_icd_code_stay_apart(tables: Tables) -> None:
    keys = {code_site(v, tables).key for v in ("vagina", "uterus", "fallopian tube", "cervix")}
    assert len(keys) == 4


def test_an_unknown_site_gets_no_code_unless_the_text_says_that_it_is_unknown(tables: Tables) -> None:
    assert code_site("toe", tables).main is None
    unknown = code_site("metastasis of unknown site", tables).main
    assert unknown is not None
    assert unknown.code == "128462008"


@pytest.mark.parametrize("value", ["T8", "bone (L3)", "T5 and T7 vertebrae", "vertebral bodies"])
def test_a_vertebra_is_of_the_spine(tables: Tables, value: str) -> None:
    assert code_site(value, tables).row == "metastatic_sites:vertebral-column"


@pytest.mark.parametrize(
    ("value", "side"),
    [("left lung", "7771000"), ("right lung", "24028007"), ("lung", None), ("left and right lung", None)],
)
def test_one_side_is_coded(tables: Tables, value: str, side: str | None) -> None:
    found = lateralities(value, tables).get("laterality")
    assert (found[0].code if found else None) == side


def test_the_two_sides_stay_apart(tables: Tables) -> None:
    assert len({code_site(v, tables).key for v in ("left adrenal", "right adrenal", "adrenal", "Left adrenal")}) == 3
    assert len({code_site(v, tables).key for v in ("left axillary node", "right axillary node")}) == 2


@pytest.mark.parametrize(
    "value", ["left", "bilateral", "metastatic left", "brain and bone", "none", "no distant metastasis"]
)
def test_no_single_site_no_code(tables: Tables, value: str) -> None:
    assert code_site(value, tables).main is None


@pytest.mark.parametrize("value", ["supraclavicular area", "axillary region"])
def test_an_area_is_not_its_node(tables: Tables, value: str) -> None:
    assert "node" not in (code_site(value, tables).row or "")


def test_lymphadenopathy_is_of_the_node(tables: Tables) -> None:
    assert code_site("left hilar lymphadenopathy", tables).row == "metastatic_sites:node-hilar"


@pytest.mark.parametrize("value", ["brain (leptomeningeal)", "skin (subcutaneous)", "lung (pleura)"])
def test_another_site_in_parentheses_makes_two(tables: Tables, value: str) -> None:
    assert code_site(value, tables).codings == {}


@pytest.mark.parametrize("value", ["bone (femur)", "femur (bone)", "brain (cerebellum)", "liver (metastases)"])
def test_a_kind_of_the_site_in_parentheses_is_one(tables: Tables, value: str) -> None:
    assert code_site(value, tables).codings != {}


def test_the_bones_of_a_region_are_not_the_region(tables: Tables) -> None:
    assert code_site("thorax", tables).codings == {}
    place = code_site("bone of thorax", tables).codings["body_site"]
    assert [c.code for c in place] == ["272710004"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("left adrenal", "C79.72"),
        ("right adrenal gland", "C79.71"),
        ("adrenal", "C79.70"),
        ("bilateral adrenals", None),
        ("left lung", "C78.02"),
        ("right kidney", "C79.01"),
        ("left ovary", "C79.62"),
        ("liver", "C78.7"),
        ("left liver", "C78.7"),
    ],
)
def test_icd_10_cm_tells_the_side_that_is_told(tables: Tables, value: str, code: str | None) -> None:
    codings = [c for found in code_site(value, tables).codings.values() for c in found]
    assert next((c.code for c in codings if "icd-10" in c.system), None) == code
