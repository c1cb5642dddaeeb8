"""mappings/mcode.yaml: treatments as what mCODE has for them, all else as default.yaml has it."""

from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.coding import code, load_tables
from medie_fhir.coding.tables import Tables
from medie_fhir.mapping import Mapping, load_mapping, render
from medie_fhir.mapping.shape import MCODE
from medie_fhir.model import Alignment, Assertion, CodedFact, Evidence, ExtractionRecord, Fact, Json
from medie_fhir.shipped import shipped

Make = Callable[..., CodedFact]
Rendered = Callable[..., list[Json]]


@pytest.fixture(scope="session")
def tables() -> Tables:
    return load_tables(shipped("mappings", "terminology"))


@pytest.fixture(scope="session")
def mcode(default: Mapping) -> Mapping:
    return load_mapping(
        shipped("mappings", "mcode.yaml").read_text(encoding="utf-8"), "mcode.yaml", default.file.policy
    )


@pytest.fixture
def rendered(mcode: Mapping, record: ExtractionRecord, tables: Tables) -> Rendered:
    def do(*values: str, field: str = "treatment", **more: Any) -> list[Json]:
        facts = [_coded(value, field, tables, **more) for value in values]
        source = {"reference": "DocumentReference/d1"}
        return render(record, facts, mcode.file, source=source, recorded="2026-01-02T10:00:00Z", system="urn:facts")

    return do


def _coded(value: str, field: str, tables: Tables, assertion: Assertion = Assertion.PRESENT) -> CodedFact:
    evidence = (Evidence(start=0, end=len(value), text=value),)
    fact = Fact(field=field, value=value, evidence=evidence, alignment=Alignment.EXACT, assertion=assertion)
    return CodedFact(fact, code(field, value, tables), "id")


def test_but_for_treatments_it_is_the_default_mapping(default: Mapping, mcode: Mapping) -> None:
    def others(mapping: Mapping) -> list[Json]:
        return [t.model_dump() for t in mapping.file.templates if t.field != "treatment"]

    assert others(mcode) == others(default)
    assert mcode.file.policy == default.file.policy


@pytest.mark.parametrize(
    ("value", "kind", "profile"),
    [
        ("osimertinib", "MedicationRequest", "cancer-related-medication-request"),
        ("tamoxifen", "MedicationRequest", "cancer-related-medication-request"),
        ("FOLFOX", "MedicationRequest", "cancer-related-medication-request"),
        ("carboplatin and paclitaxel", "MedicationRequest", "cancer-related-medication-request"),
        ("mastectomy", "Procedure", "cancer-related-surgical-procedure"),
        ("radiotherapy", "Procedure", "radiotherapy-course-summary"),
        ("stereotactic body radiotherapy", "Procedure", "radiotherapy-course-summary"),
        ("autologous stem cell transplant", "Procedure", None),
        ("chemotherapy", "Observation", None),
        ("chemoradiation", "Observation", None),
        ("hospice care", "Observation", None),
        ("carboplatin with concurrent radiotherapy", "Observation", None),
        ("a thing no table knows", "Observation", None),
    ],
)
def test_a_treatment_is_what_mcode_has_for_its_kind(
    rendered: Rendered, value: str, kind: str, profile: str | None
) -> None:
    (made,) = rendered(value)
    assert made["resourceType"] == kind
    assert made["meta"].get("profile") == (profile and [f"{MCODE}{profile}"])


def test_every_treatment_of_the_tables_becomes_one_resource(rendered: Rendered, tables: Tables) -> None:
    names = [entry.name for entry in tables["treatments"].entries.values()]
    made = rendered(*names)
    assert len(names) > 100
    assert len(made) == len(names)


def test_a_reported_drug_is_no_order_and_claims_no_date(rendered: Rendered) -> None:
    (made,) = rendered("osimertinib")
    assert (made["status"], made["intent"], made["reportedBoolean"]) == ("unknown", "plan", True)
    assert made["medicationCodeableConcept"]["coding"][0]["code"] == "DB09330"
    assert not {"authoredOn", "requester", "dosageInstruction"} & made.keys()


def test_a_regimen_is_a_contained_medication_of_its_drugs(rendered: Rendered) -> None:
    (made,) = rendered("FOLFOX")
    (medication,) = made["contained"]
    drugs = [i["itemCodeableConcept"]["coding"][0]["code"] for i in medication["ingredient"]]
    assert drugs == ["DB00544", "DB00650", "DB00526"]
    assert made["medicationReference"]["reference"] == f"#{medication['id']}"
    assert medication["code"] == {"text": "FOLFOX"}


@pytest.mark.parametrize("value", ["mastectomy", "radiotherapy", "autologous stem cell transplant"])
def test_a_procedure_that_policy_lets_through_as_planned_is_in_preparation(rendered: Rendered, value: str) -> None:
    (done,), (planned,) = rendered(value), rendered(value, assertion=Assertion.PLANNED)
    assert (done["status"], planned["status"]) == ("unknown", "preparation")


def test_a_treatment_refers_to_its_cancer_and_its_note(
    mcode: Mapping, record: ExtractionRecord, tables: Tables, coded: Make
) -> None:
    facts = [coded("cancer_type", "lung cancer", "254637007", id="c1")]
    facts += [_coded(value, "treatment", tables) for value in ("osimertinib", "lobectomy", "radiotherapy")]
    source = {"reference": "DocumentReference/d1"}
    _, drug, *procedures = render(
        record, facts, mcode.file, source=source, recorded="2026-01-02T10:00:00Z", system="urn:facts"
    )
    assert drug["supportingInformation"] == [source]
    assert {p["resourceType"] for p in procedures} == {"Procedure"}
    assert [p["report"] for p in procedures] == [[source], [source]]
    assert {m["reasonReference"][0]["reference"] for m in (drug, *procedures)} == {"Condition/c1"}
