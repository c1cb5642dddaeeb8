"""What expressions may ask for is what coding gives: all of it, and nothing else."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from medie_fhir.coding import code, load_tables
from medie_fhir.coding.rows import _CODING_ROLES
from medie_fhir.mapping.samples import sample_facts
from medie_fhir.mapping.vocabulary import ATTRIBUTES, ROLES
from medie_fhir.model import Concept
from medie_fhir.shipped import shipped

ROOT = Path(__file__).parents[2]
TABLES = {
    "biomarker": "biomarkers",
    "cancer_type": "cancers",
    "gene_mutation": "genes",
    "metastasis_site": "metastatic_sites",
    "response": "responses",
    "stage": "stages",
    "treatment": "treatments",
}
NEVER_GIVEN = {"unit", "left", "right"}  # by these the tables choose; they are no roles of a concept


def values() -> Iterator[tuple[str, str]]:
    """Every concept's name, every value that was judged, and those of the golden records, each with its field."""
    tables = load_tables(shipped("mappings", "terminology"))
    for field, table in TABLES.items():
        yield from ((field, entry.name) for entry in tables[table].entries.values())
    with (ROOT / "docs" / "coding-judged.csv").open(encoding="utf-8") as file:
        yield from ((row["field"], row["value"]) for row in csv.DictReader(file))
    for path in sorted((ROOT / "tests" / "golden" / "extractions").glob("*.json")):
        record = yaml.safe_load(path.read_text(encoding="utf-8"))
        yield from ((fact["field"], fact["value"]) for fact in record["facts"])
    for biomarker in ("ER positive (95%)", "PSA < 0.1 ng/mL", "Ki-67 20"):
        yield "biomarker", biomarker
    for stage in (
        "stage II (cT2N1M0)",
        "pathologic stage IIA AJCC 8th edition",
        "Ann Arbor stage IIB",
        "limited stage",
    ):
        yield "stage", stage
    for variant in ("germline BRCA1 c.68_69del", "KRAS codon 12 mutation", "EGFR exon 19 deletion", "p.Leu858Arg"):
        yield "gene_mutation", variant


@pytest.fixture(scope="module")
def given() -> dict[str, list[Concept]]:
    """What coding gives, by field."""
    tables = load_tables(shipped("mappings", "terminology"))
    found: dict[str, list[Concept]] = {field: [] for field in TABLES}
    for field, value in dict.fromkeys(values()):
        found[field].append(code(field, value, tables))
    return found


def test_every_role_and_attribute_that_coding_gives_may_be_asked_for_and_no_other(
    given: dict[str, list[Concept]],
) -> None:
    concepts = [concept for of_field in given.values() for concept in of_field]
    assert {role for concept in concepts for role in concept.codings} <= ROLES
    assert {name for concept in concepts for name in concept.attributes} == ATTRIBUTES
    assert (_CODING_ROLES - NEVER_GIVEN) | {"t_observation", "n_observation", "m_observation"} == ROLES


@pytest.mark.parametrize("field", sorted(TABLES))
def test_the_samples_of_a_field_have_every_role_and_attribute_that_coding_gives_it(
    given: dict[str, list[Concept]], field: str
) -> None:
    def shown(concepts: list[Concept]) -> set[tuple[str, object]]:
        roles = {(role, min(len(codings), 2)) for c in concepts for role, codings in c.codings.items()}
        attributes = {(name, type(value)) for c in concepts for name, value in c.attributes.items()}
        told = {
            (name, value) for c in concepts for name, value in c.attributes.items() if name in ("presence", "origin")
        }
        return {*roles, *attributes, *told}

    samples = [fact.concept for fact in sample_facts(field)]
    assert shown(given[field]) - shown(samples) == set()
    assert any(not c.codings and not c.attributes for c in samples), "a value that no table knows"
