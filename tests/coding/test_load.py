"""Loading the tables, and what the shipped ones hold."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

import pytest

from medie_fhir.coding import Tables, load_tables
from medie_fhir.coding.load import COLUMNS, REQUIRED
from medie_fhir.errors import InvalidTerminology
from medie_fhir.shipped import shipped

HEADER = ",".join(COLUMNS)
SHIPPED = shipped("mappings", "terminology")
SNOMED = "http://snomed.info/sct"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in REQUIRED:
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
        load_tables(folder)


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


@pytest.mark.parametrize(
    ("name", "role", "least"),
    [
        ("cancers", "code", 100),
        ("metastatic_sites", "body_site", 40),
        ("genes", "gene", 150),
        ("stages", "code", 50),
        ("responses", "code", 10),
        ("biomarkers", "text", 35),
        ("treatments", "text", 250),
    ],
)
def test_the_shipped_tables_are_large_enough(tables: Tables, name: str, role: str, least: int) -> None:
    entries = tables[name].entries.values()
    having = entries if role == "text" else [entry for entry in entries if role in entry.codings]
    assert len(having) >= least


def test_the_shipped_drugs_are_many_and_mostly_coded(tables: Tables) -> None:
    kinds = {"drug", "hormone", "immunotherapy", "targeted"}
    drugs = [entry for entry in tables["treatments"].entries.values() if entry.kind in kinds]
    assert len(drugs) >= 110
    assert sum("code" in entry.codings for entry in drugs) >= 0.8 * len(drugs)


def test_every_treatment_has_a_kind_and_a_class(tables: Tables) -> None:
    for entry in tables["treatments"].entries.values():
        assert entry.kind
        assert entry.codings["category"]


def test_every_source_key_is_explained() -> None:
    explained = set(re.findall(r"^\| `([\w-]+)` \|", (SHIPPED / "SOURCES.md").read_text(), re.MULTILINE))
    for path in SHIPPED.glob("*.csv"):
        with path.open(newline="") as file:
            assert {row["source"] for row in csv.DictReader(file)} <= explained, path.name


def test_the_digests_in_the_sources_file_are_those_of_the_tables() -> None:
    listed = dict(
        re.findall(
            r"^\| `(\w+\.csv)` \| \d+ \| `([0-9a-f]{64})` \|$", (SHIPPED / "SOURCES.md").read_text(), re.MULTILINE
        )
    )
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in SHIPPED.glob("*.csv")}


def test_no_code_of_snomed_ends_in_a_wrong_check_digit() -> None:
    for path in SHIPPED.glob("*.csv"):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                if row["system"] == SNOMED:
                    assert verhoeff(row["code"]), row["code"]


def verhoeff(number: str) -> bool:
    """The check of an SCTID (SNOMED CT Release File Specifications, 5.8)."""
    permuted = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    for _ in range(6):
        permuted.append([permuted[-1][i] for i in permuted[1]])
    check = 0
    for place, digit in enumerate(reversed(number)):
        check = dihedral(check, permuted[place % 8][int(digit)])
    return check == 0


def dihedral(a: int, b: int) -> int:
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
    return 5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5
