"""What the shipped tables hold, and that each row says where it is from."""

from __future__ import annotations

import csv
import hashlib
import re

import pytest

from medie_fhir.coding import Tables
from medie_fhir.shipped import shipped

SHIPPED = shipped("mappings", "terminology")
SNOMED = "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("name", "role", "least"),
    [
        ("cancers", "code", 2500),
        ("metastatic_sites", "body_site", 800),
        ("genes", "gene", 300),
        ("hgnc", "gene", 18000),
        ("stages", "code", 50),
        ("responses", "code", 10),
        ("biomarkers", "text", 35),
        ("treatments", "text", 690),
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


def test_every_leaf_of_icd_10_cm_for_neoplasms_is_here_or_in_a_curated_row() -> None:
    with (SHIPPED / "cancers.csv").open(newline="") as file:
        codes = {row["code"] for row in csv.DictReader(file) if row["system"].endswith("icd-10-cm")}
    for code in ("C00.0", "C34.12", "C50.911", "C50.922", "C96.Z", "D03.9", "D17.9", "D32.0", "D37.01", "D49.9"):
        assert code in codes
    assert len(codes) > 1000


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


def test_every_code_of_a_small_list_has_a_display(tables: Tables) -> None:
    for name in ("biomarkers", "biomarker_results", "genes", "metastatic_sites", "responses", "stages", "treatments"):
        for entry in tables[name].entries.values():
            for coding in (coding for codings in entry.codings.values() for coding in codings):
                assert coding.display, (entry.row, coding.code)
