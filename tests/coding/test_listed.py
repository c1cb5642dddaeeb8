"""A field of another task: its wording in its table, and a number of what the table measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from medie_fhir.coding import Tables, code, load_tables
from medie_fhir.coding.load import COLUMNS
from medie_fhir.coding.wording import plain

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
SNOMED = "http://snomed.info/sct"
EF = f"""\
{",".join(COLUMNS)}
lvef,text,,,left ventricular ejection fraction,LVEF|ejection fraction|EF,mine
lvef,code,{LOINC},10230-1,Left ventricular Ejection fraction,,mine
lvef,unit,{UCUM},%,,,mine
"""
LIPIDS = f"""\
{",".join(COLUMNS)}
ldl,text,,,LDL cholesterol,LDL,mine
ldl,unit,{UCUM},mg/dL,,,mine
hdl,text,,,HDL cholesterol,HDL,mine
hdl,unit,{UCUM},mg/dL,,,mine
"""
NYHA = f"""\
{",".join(COLUMNS)}
ii,text,,,NYHA class II,NYHA II,mine
ii,code,{SNOMED},421704003,New York Heart Association Classification - Class II (finding),,mine
"""
TREATMENT = f"""\
{",".join(COLUMNS)}
rest,text,,,bed rest,,mine
"""


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    for name, text in {"ejection_fraction": EF, "lipid": LIPIDS, "nyha_class": NYHA, "treatment": TREATMENT}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return load_tables(tmp_path)


@pytest.mark.parametrize(
    "value", ["LVEF 45%", "LVEF: 45 %", "ejection fraction of 45%", "45%", "EF is estimated at about 45 percent"]
)
def test_a_number_with_the_unit_of_what_the_table_measures_is_a_quantity(value: str, tables: Tables) -> None:
    concept = code("ejection_fraction", value, tables)
    assert concept.attributes["quantity"] == {"value": 45, "unit": "%", "system": UCUM, "code": "%"}
    assert concept.main is not None
    assert concept.main.code == "10230-1"
    assert (concept.key, concept.match) == (f"{LOINC}|10230-1|45 %", "rule")
    assert "unit" not in concept.codings


def test_a_comparator_makes_another_meaning(tables: Tables) -> None:
    concept = code("ejection_fraction", "LVEF < 30%", tables)
    assert concept.attributes["quantity"]["comparator"] == "<"
    assert concept.key == f"{LOINC}|10230-1|<30 %"


@pytest.mark.parametrize(
    "value", ["LVEF 45", "LVEF 45 mg/dL", "RVEF 45%", "LVEF 40-45%", "severely reduced", "45% LAD"]
)
def test_without_the_unit_or_with_an_unknown_word_it_stays_text(value: str, tables: Tables) -> None:
    concept = code("ejection_fraction", value, tables)
    assert (concept.key, concept.codings, concept.match) == (f"text|{plain(value)}", {}, "none")


def test_a_number_alone_is_of_nothing_where_the_table_measures_several(tables: Tables) -> None:
    assert code("lipid", "142 mg/dL", tables).match == "none"
    assert code("lipid", "LDL 142 mg/dL", tables).row == "lipid:ldl"


def test_a_wording_is_found_as_a_whole_only(tables: Tables) -> None:
    assert code("nyha_class", "nyha ii", tables).key == f"{SNOMED}|421704003"
    assert code("nyha_class", "NYHA II-III", tables).match == "none"


def test_a_table_of_the_fields_own_name_goes_before_oncologys_grammar(tables: Tables) -> None:
    assert code("treatment", "bed rest", tables).row == "treatment:rest"


def test_a_field_of_oncology_without_its_tables_and_one_without_any_stay_text(tables: Tables) -> None:
    assert code("stage", "stage III", tables).match == "none"
    assert code("rhythm", "sinus rhythm", tables).match == "none"
