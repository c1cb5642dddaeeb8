"""The shape rules can fail: each on its own broken resource."""

from copy import deepcopy

import pytest

from medie_fhir.mapping.shape import MCODE, faults
from medie_fhir.model import Json

CONDITION: Json = {
    "resourceType": "Condition",
    "meta": {"profile": [f"{MCODE}primary-cancer-condition"]},
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "verificationStatus": {"coding": [{"code": "unconfirmed"}]},
    "category": [{"coding": [{"code": "health-concern"}]}],
    "code": {"text": "x"},
    "subject": {"reference": "Patient/p"},
}
MARKER: Json = {
    "resourceType": "Observation",
    "meta": {"profile": [f"{MCODE}tumor-marker-test"]},
    "status": "preliminary",
    "category": [{"coding": [{"code": "laboratory"}]}],
    "code": {"text": "x"},
    "subject": {"reference": "Patient/p"},
    "valueString": "x",
}
VARIANT: Json = {
    **MARKER,
    "meta": {"profile": [f"{MCODE}genomic-variant"]},
    "code": {"coding": [{"code": "69548-6"}]},
    "valueString": None,
    "valueCodeableConcept": {"coding": [{"code": "LA9633-4"}]},
}
del VARIANT["valueString"]
DRUG: Json = {
    "resourceType": "MedicationRequest",
    "meta": {"profile": [f"{MCODE}cancer-related-medication-request"]},
    "status": "unknown",
    "intent": "plan",
    "medicationCodeableConcept": {"text": "x"},
    "subject": {"reference": "Patient/p"},
}
RADIOTHERAPY: Json = {
    "resourceType": "Procedure",
    "meta": {"profile": [f"{MCODE}radiotherapy-course-summary"]},
    "status": "unknown",
    "code": {"coding": [{"code": "1217123003"}]},
    "subject": {"reference": "Patient/p"},
}


def test_good_ones_have_no_faults() -> None:
    within = {
        "contained": [{"resourceType": "Medication", "id": "m"}],
        "note": [{"authorReference": {"reference": "#m"}}],
    }
    good = (CONDITION, MARKER, VARIANT, DRUG, RADIOTHERAPY, DRUG | within)
    assert [faults(resource) for resource in good] == [[]] * len(good)


@pytest.mark.parametrize(
    ("resource", "changes", "word"),
    [
        (CONDITION, {"clinicalStatus": {"coding": [{"code": "banana"}]}}, "clinicalStatus"),
        (CONDITION, {"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}, "con-5"),
        (CONDITION, {"clinicalStatus": {}}, "con-3"),
        (CONDITION, {"category": [{"coding": [{"code": "encounter-diagnosis"}]}]}, "category"),
        (CONDITION, {"code": {}}, "neither a coding nor a text"),
        (CONDITION, {"evidence": [{"code": [{"text": "x"}]}]}, "evidence.detail"),
        (CONDITION, {"meta": {"profile": [f"{MCODE}secondary-cancer-condition"]}, "stage": [{}]}, "no stage"),
        (MARKER, {"status": "banana"}, "status"),
        (MARKER, {"valueQuantity": {}}, "more than once"),
        (MARKER, {"category": []}, "laboratory exactly once"),
        (MARKER, {"dataAbsentReason": {"text": "x"}}, "obs-6"),
        (MARKER, {"subject": None}, "subject"),
        (MARKER, {"effectiveDateTime": "2026"}, "to the day"),
        (VARIANT, {"category": [{"coding": [{"code": "laboratory"}, {"code": "x"}]}]}, "one coding"),
        (VARIANT, {"code": {"coding": [{"code": "1"}]}}, "69548-6"),
        (VARIANT, {"valueCodeableConcept": {"coding": [{"code": "LA1"}]}}, "LL1971-2"),
        (
            VARIANT,
            {"component": [{"code": {"coding": [{"code": "48005-3"}]}, "valueCodeableConcept": {"text": "L858R"}}]},
            "HGVS",
        ),
        (MARKER, {"meta": {"profile": [f"{MCODE}cancer-stage"]}, "category": []}, "category is missing"),
        (
            MARKER,
            {"meta": {"profile": [f"{MCODE}cancer-stage"]}, "code": {"coding": [{"code": "21908-9"}]}},
            "TNM stage group",
        ),
        (MARKER, {"meta": {"profile": [f"{MCODE}tnm-stage-group"]}, "method": {"text": "x"}}, "one focus"),
        (MARKER, {"meta": {"profile": [f"{MCODE}tnm-stage-group"]}, "focus": [{"reference": "Condition/c"}]}, "method"),
        (MARKER, {"meta": {"profile": [f"{MCODE}histologic-grade"]}}, "C18000"),
        (MARKER, {"meta": {"profile": [f"{MCODE}cancer-disease-status"]}}, "97509-4"),
        (DRUG, {"status": "banana"}, "status"),
        (DRUG, {"intent": "banana"}, "intent"),
        (DRUG, {"resourceType": "MedicationStatement", "meta": {}, "status": "banana"}, "MedicationStatement.status"),
        (DRUG, {"intent": "order"}, "us-core-21"),
        (DRUG, {"medicationReference": {"reference": "Medication/m"}}, "medication[x] is given once"),
        (DRUG, {"contained": [{"resourceType": "Medication", "id": "m"}]}, "dom-3"),
        (DRUG, {"reasonReference": [{"reference": "#m"}]}, "not there"),
        (RADIOTHERAPY, {"status": "banana"}, "status"),
        (RADIOTHERAPY, {"status": "completed"}, "us-core-7"),
        (RADIOTHERAPY, {"code": {"coding": [{"code": "108290001"}]}}, "1217123003"),
        (RADIOTHERAPY, {"code": {}}, "neither a coding nor a text"),
    ],
)
def test_each_rule_finds_what_breaks_it(resource: Json, changes: Json, word: str) -> None:
    broken = deepcopy(resource) | changes
    assert any(word in fault for fault in faults(broken)), faults(broken)


@pytest.mark.parametrize("kind", ["AllergyIntolerance", "BodyStructure", "Goal", "Patient"])
def test_what_could_never_be_taken_back_is_refused(kind: str) -> None:
    assert any("taken back" in fault for fault in faults({"resourceType": kind}))
