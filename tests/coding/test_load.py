"""Loading the tables, and those of a site over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from medie_fhir.coding import Tables, load_tables
from medie_fhir.coding.load import COLUMNS
from medie_fhir.errors import InvalidTerminology
from medie_fhir.shipped import shipped

HEADER = ",".join(COLUMNS)
ONCOLOGY = ("biomarker", "cancer_type", "gene_mutation", "metastasis_site", "response", "stage", "treatment")
TABLES = (
    "biomarker_results",
    "biomarkers",
    "cancers",
    "genes",
    "metastatic_sites",
    "responses",
    "stages",
    "treatments",
)
SHIPPED = shipped("mappings", "terminology")
SNOMED = "http://snomed.info/sct"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in TABLES:
        (tmp_path / f"{name}.csv").write_text(f"{HEADER}\n{name},text,,,{name},,mine\n")
    return tmp_path


def refused(folder: Path, *lines: str, header: str = HEADER) -> str:
    (folder / "cancers.csv").write_text("\n".join((header, *lines)) + "\n")
    with pytest.raises(InvalidTerminology) as caught:
        load_tables(folder)
    return str(caught.value)


def test_a_concept_may_have_no_code(folder: Path) -> None:
    entry = load_tables(folder)["cancers"].entries["cancers"]
    assert not entry.codings
    assert entry.name == "cancers"


def test_a_missing_table_is_named(folder: Path) -> None:
    (folder / "genes.csv").unlink()
    with pytest.raises(InvalidTerminology, match=r"genes\.csv missing"):
        load_tables(folder, fields=ONCOLOGY)


def test_a_table_of_the_fields_own_name_stands_for_those_of_the_grammar(folder: Path) -> None:
    (folder / "genes.csv").rename(folder / "gene_mutation.csv")
    assert "genes" not in load_tables(folder, fields=ONCOLOGY).tables


def test_another_tasks_fields_need_no_table_of_oncology(tmp_path: Path) -> None:
    (tmp_path / "rhythm.csv").write_text(f"{HEADER}\nsinus,text,,,sinus rhythm,,mine\n")
    assert load_tables(tmp_path, fields=("rhythm", "medication")).tables.keys() == {"rhythm"}


def test_a_folder_without_any_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidTerminology, match=r"no \*\.csv here"):
        load_tables(tmp_path, fields=("rhythm",))


def test_a_missing_column_is_named_with_its_file(folder: Path) -> None:
    assert refused(folder, header="concept,role,system,code,display,synonyms") == "cancers.csv:1: column source missing"


def test_an_unknown_role_is_named_with_its_line(folder: Path) -> None:
    assert refused(folder, "a,text,,,a,,x", "a,colour,,red,,,x") == "cancers.csv:3: unknown role colour"


def test_a_system_that_is_no_uri_is_refused(folder: Path) -> None:
    assert refused(folder, "a,code,snomed,1,a,,x").startswith("cancers.csv:2: role code needs a code and a system")


def test_a_row_with_too_few_cells_is_refused(folder: Path) -> None:
    assert refused(folder, "a,text,,,a") == "cancers.csv:2: not 7 columns"


def test_a_row_without_source_is_refused(folder: Path) -> None:
    assert refused(folder, "a,text,,,a,,") == "cancers.csv:2: concept or source is empty"


def test_a_table_without_rows_is_refused(folder: Path) -> None:
    assert refused(folder) == "cancers.csv: no rows"


def test_a_wording_of_two_concepts_is_refused_however_it_is_spelt(folder: Path) -> None:
    message = refused(folder, "a,text,,,Odd-Tumour,,x", "b,text,,,b,odd tumors,x")
    assert message == "cancers.csv:3: a wording of b is one of a too (oddtumor)"


def test_is_a_must_lead_somewhere(folder: Path) -> None:
    assert refused(folder, "a,text,,,a,,x", "a,is-a,,b,,,x") == "cancers.csv:2: a is-a b, which is not here"


def test_bytes_that_are_no_text_are_refused(folder: Path) -> None:
    (folder / "cancers.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidTerminology, match="not UTF-8 CSV"):
        load_tables(folder)


def test_a_circle_of_is_a_ends(folder: Path) -> None:
    (folder / "cancers.csv").write_text(
        f"{HEADER}\na,text,,,a,,x\na,is-a,,b,,,x\nb,text,,,b,,x\nb,is-a,,a,,,x\nc,text,,,c,,x\n"
    )
    table = load_tables(folder)["cancers"]
    assert table.is_a(table.entries["a"], table.entries["b"])
    assert not table.is_a(table.entries["a"], table.entries["c"])


def test_the_digest_follows_every_byte(folder: Path) -> None:
    before = load_tables(folder).digest
    with (folder / "genes.csv").open("a") as file:
        file.write("x,text,,,x,,mine\n")
    assert load_tables(folder).digest != before


def test_an_integrators_own_table_is_loaded_too(folder: Path) -> None:
    (folder / "symptom.csv").write_text(f"{HEADER}\nfever,code,{SNOMED},1,Fever,pyrexia,mine\n")
    assert "symptom" in load_tables(folder).tables


def test_all_faults_are_told_at_once_with_file_and_line(folder: Path) -> None:
    (folder / "genes.csv").write_text(f"{HEADER}\na,text,,,a,,x\na,colour,,red,,,x\nb,text,,,b\n")
    message = refused(folder, "c,text,,,c,,", "c,code,snomed,1,c,,x")
    assert message.splitlines() == [
        "cancers.csv:2: concept or source is empty",
        "cancers.csv:3: role code needs a code and a system that is an absolute URI",
        "genes.csv:3: unknown role colour",
        "genes.csv:4: not 7 columns",
    ]


def test_a_row_that_stands_twice_is_refused(folder: Path) -> None:
    assert refused(folder, "a,text,,,a,,x", "a,text,,,a,,y") == "cancers.csv:3: the same row as line 2"


def test_two_codes_of_one_system_contradict_each_other(folder: Path) -> None:
    message = refused(folder, "a,text,,,a,,x", f"a,code,{SNOMED},1,One,,x", f"a,code,{SNOMED},2,Two,,x")
    assert message == f"cancers.csv:4: a second code of a in {SNOMED}: line 3 has 1"


def test_two_names_of_a_concept_contradict_each_other(folder: Path) -> None:
    assert refused(folder, "a,text,,,a,,x", "a,text,,,b,,x") == "cancers.csv:3: a second name of a: line 2 has one"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


def own(site: Path, *lines: str) -> Tables:
    (site / "cancers.csv").write_text("\n".join((HEADER, *lines)) + "\n")
    return load_tables(SHIPPED, site)


def test_a_sites_wording_is_added(site: Path) -> None:
    tables = own(site, "lung-adenocarcinoma,text,,,,our lung thing,us")
    found = tables["cancers"].find("our lung thing")
    assert found is not None
    assert found[0].name == "lung adenocarcinoma"
    assert found[0].codings == load_tables(SHIPPED)["cancers"].entries["lung-adenocarcinoma"].codings


def test_a_sites_code_stands_in_the_place_of_the_shipped_ones(site: Path) -> None:
    entry = own(site, "lung-adenocarcinoma,code,urn:ours,L1,Ours,,us")["cancers"].entries["lung-adenocarcinoma"]
    assert [coding.code for coding in entry.codings["code"]] == ["L1"]
    assert entry.place == f"{site / 'cancers.csv'}:2"


def test_a_sites_wording_is_taken_from_the_shipped_concept(site: Path) -> None:
    tables = own(site, "ours,text,,,ours,melanoma,us", "ours,code,urn:ours,M1,Ours,,us")
    found = tables["cancers"].find("Melanoma")
    assert found is not None
    assert found[0].slug == "ours"


def test_a_sites_faults_name_its_own_file(site: Path) -> None:
    with pytest.raises(InvalidTerminology) as caught:
        own(site, "a,text,,,odd,,us", "b,text,,,odd,,us")
    assert str(caught.value) == f"{site / 'cancers.csv'}:3: a wording of b is one of a too (odd)"


def test_a_sites_table_whose_name_is_misspelt_is_refused_and_not_passed_over(site: Path) -> None:
    (site / "cancer.csv").write_text(f"{HEADER}\nours,text,,,ours,,mine\n", encoding="utf-8")
    with pytest.raises(InvalidTerminology, match=r"cancer\.csv: .*did you mean cancers\.csv"):
        load_tables(SHIPPED, site, fields=ONCOLOGY)


def refused_at(site: Path, *lines: str) -> list[str]:
    with pytest.raises(InvalidTerminology) as caught:
        own(site, *lines)
    return [line.removeprefix(f"{site}/cancers.csv:") for line in str(caught.value).splitlines()]


def test_what_a_spreadsheet_does_to_a_sites_code_is_refused_all_at_once(site: Path) -> None:
    assert refused_at(
        site,
        f"lung-adenocarcinoma,code,{SNOMED},2.54626E+08,a,,us",
        f'lung-cancer,code,{SNOMED},"3,63358E+08",a,,us',
        f"breast-cancer,code,{SNOMED},254837000,a,,us",
        "melanoma,code,http://loinc.org,29593,a,,us",
        f"melanoma,body_site,{SNOMED}, 39937001,a,,us",
        "Lymphoma,text,,,,lymph ca,us",
    ) == [
        "2: code 2.54626E+08 is a number that a spreadsheet has rounded: write the column as text",
        "3: code 3,63358E+08 is a number that a spreadsheet has rounded: write the column as text",
        "4: code 254837000 is no SCTID: its check digit is wrong",
        "5: code 29593 is no LOINC code: a number, a hyphen and a digit",
        "6: code has a space before or after it",
        "7: concept is written small",
    ]


def test_a_sites_misspelt_concept_is_refused_and_takes_no_wording(site: Path) -> None:
    nameless = "is a new concept without a text row that has its display"
    assert refused_at(site, "lung-adenocarcnoma,text,,,,ca pulm,us", f"odd-one,code,{SNOMED},254626006,,,us") == [
        f"2: lung-adenocarcnoma {nameless}: did you mean lung-adenocarcinoma?",
        f"3: odd-one {nameless}",
    ]


def test_a_sites_new_concept_may_be_reached_by_the_wordings_of_its_code(site: Path) -> None:
    assert own(site, f"odd-one,code,{SNOMED},254626006,Odd,odd tumour,us")["cancers"].find("odd tumor") is not None


@pytest.mark.parametrize("name", ["cancers.CSV", "cancers.xlsx", "cancers.tsv"])
def test_a_sites_table_of_another_form_is_refused_and_not_passed_over(site: Path, name: str) -> None:
    (site / name).write_text("")
    with pytest.raises(InvalidTerminology, match=r"not read: only \*\.csv is"):
        own(site, "lung-adenocarcinoma,text,,,,ca pulm,us")


def test_a_sites_rows_change_the_digest(site: Path) -> None:
    assert own(site, "a,text,,,odd,,us").digest != load_tables(SHIPPED).digest


def test_a_sites_folder_without_tables_is_refused(site: Path) -> None:
    with pytest.raises(InvalidTerminology, match=r"no \*\.csv here"):
        load_tables(SHIPPED, site)
