"""stage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.coding import load_tables
from medie_fhir.coding.stage import code_stage
from medie_fhir.coding.tables import Tables
from medie_fhir.shipped import shipped

TABLES = load_tables(shipped("mappings", "terminology"))


def codes(value: str, role: str, tables: Tables, evidence: str | None = None) -> list[str]:
    return [c.code for c in code_stage(value, tables, evidence).codings.get(role, ())]


def test_a_bare_group_is_generic_and_never_a_tnm_stage_group(tables: Tables) -> None:
    concept = code_stage("stage IV", tables)
    assert concept.attributes["kind"] == "generic"
    assert codes("stage IV", "code", tables) == ["258228008", "C27971"]
    assert codes("stage IV", "observation", tables) == ["C16899"], "whether it is a clinical one isn't said"
    assert "21908-9" not in {c.code for found in concept.codings.values() for c in found}


@pytest.mark.parametrize(
    "value", ["IV", "iv", "stage IV", "Stage 4", "stage-IV", "STAGE IV disease", "clinical stage IV"]
)
def test_wordings_of_one_group_have_one_key(tables: Tables, value: str) -> None:
    assert code_stage(value, tables).key == "http://snomed.info/sct|258228008"


def test_a_group_without_own_code_has_the_broader_one_and_a_key_of_its_own(tables: Tables) -> None:
    concept = code_stage("IIIC", tables)
    assert concept.key == "http://snomed.info/sct|258224005|generic-iiic"
    assert concept.attributes["broader"] is True


def test_figo_is_taken_where_the_value_or_the_evidence_names_it(tables: Tables) -> None:
    assert codes("FIGO IIIC", "code", tables) == ["C96258"]
    assert codes("IIIC", "code", tables, "FIGO stage IIIC disease") == ["C96258"]
    assert codes("FIGO IIIC", "method", tables) == ["254383006"]


def test_ajcc_is_a_tnm_group_with_the_edition_as_method(tables: Tables) -> None:
    concept = code_stage("pathologic stage IIB (AJCC 8th edition)", tables)
    assert concept.attributes["kind"] == "tnm-group"
    assert [c.code for c in concept.codings["observation"]] == ["399588009"]
    assert [c.code for c in concept.codings["method"]] == ["897275008"]


def test_an_ann_arbor_stage_keeps_its_suffix(tables: Tables) -> None:
    concept = code_stage("Ann Arbor stage IIIB", tables)
    assert (concept.attributes["kind"], concept.attributes["suffix"]) == ("lymphoma", "B")


def test_lugano_is_not_said_to_be_ann_arbor(tables: Tables) -> None:
    assert codes("Ann Arbor stage II", "method", tables) == ["254372002"]
    assert codes("Lugano stage II", "method", tables) == []


def test_an_extranodal_stage_is_of_ann_arbor_without_its_name(tables: Tables) -> None:
    concept = code_stage("stage IE", tables)
    assert (concept.attributes["kind"], concept.attributes["suffix"]) == ("lymphoma", "E")


@pytest.mark.parametrize(
    ("value", "attributes", "coded"),
    [
        ("pT2N1M0", {"t": "pT2", "n": "pN1", "m": "cM0"}, {"t": "1229852009", "n": "1229951001", "m": "1229901006"}),
        ("cT3 N2 M1", {"t": "cT3", "n": "cN2", "m": "cM1"}, {"t": "1228938002", "n": "1229978004", "m": "1229903009"}),
        ("pT3 pN2(4/15)", {"t": "pT3", "n": "pN2"}, {"t": "1229859000", "n": "1229957002"}),
        ("T3 N1b M0", {"t": "T3", "n": "N1b", "m": "M0"}, {}),
        ("cT4b", {"t": "cT4b"}, {}),
        ("ypT2N0", {"t": "ypT2", "n": "ypN0"}, {}),
    ],
)
def test_categories_are_coded_where_clinical_or_pathologic_is_said(
    tables: Tables, value: str, attributes: dict[str, str], coded: dict[str, str]
) -> None:
    concept = code_stage(value, tables)
    assert concept.main is None
    assert concept.attributes == {"kind": "tnm", **attributes}
    assert {axis: concept.codings[axis][0].code for axis in "tnm" if axis in concept.codings} == coded


def test_t0_is_never_stage_four(tables: Tables) -> None:
    assert codes("cT0", "t", tables) == ["1228882005"]


def test_a_group_with_its_categories_is_both(tables: Tables) -> None:
    concept = code_stage("II (cT2N0M0)", tables)
    assert concept.key == "http://snomed.info/sct|258219007"
    assert concept.attributes["t"] == "cT2"
    assert concept.attributes["kind"] == "generic"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("limited stage", "limited-extensive"),
        ("extensive-stage disease", "limited-extensive"),
        ("WHO grade IV", "grade"),
    ],
)
def test_what_is_no_group_has_its_kind_and_no_code(tables: Tables, value: str, kind: str) -> None:
    concept = code_stage(value, tables)
    assert concept.attributes["kind"] == kind
    assert concept.main is None


@pytest.mark.parametrize(
    "value",
    [
        "metastatic",
        "IV (not confirmed)",
        "something (stage IV)",
        "I/II",
        "stage",
        "stage V",
        "IVD",
        "early",
        "not staged",
        "",
    ],
)
def test_no_stage_no_code(tables: Tables, value: str) -> None:
    concept = code_stage(value, tables)
    assert concept.main is None
    assert concept.match == "none"


@given(st.sampled_from("pc"), st.integers(0, 4), st.integers(0, 3), st.integers(0, 1), st.sampled_from(["", " ", ", "]))
def test_every_tnm_string_is_read_whole(prefix: str, t: int, n: int, m: int, gap: str) -> None:
    concept = code_stage(f"{prefix}T{t}{gap}N{n}{gap}M{m}", TABLES)
    assert concept.attributes == {"kind": "tnm", "t": f"{prefix}T{t}", "n": f"{prefix}N{n}", "m": f"cM{m}"}


def test_micrometastasis_in_parentheses_is_no_plain_n1(tables: Tables) -> None:
    concept = code_stage("pN1(mi)", tables)
    assert concept.attributes["n"] == "pN1mi"
    assert "n" not in concept.codings


def test_m0_of_an_autopsy_is_not_clinical(tables: Tables) -> None:
    concept = code_stage("aT2N0M0", tables)
    assert concept.attributes["m"] == "aM0"
    assert "m" not in concept.codings
