"""The names of FHIR R4."""

from __future__ import annotations

import pytest

from medie_fhir.errors import FhirRejected
from medie_fhir.fhir_names import (
    DECIDED,
    ENTERED_IN_ERROR,
    OBSERVATION_STATUS,
    RESOURCE_TYPES,
    VERIFICATION_STATUS,
    is_id,
    place,
)


def test_the_types_are_those_of_r4() -> None:
    assert {"Patient", "Condition", "Observation", "Provenance", "Device", "DocumentReference"} <= RESOURCE_TYPES
    assert not {"Element", "Citation", "patient", ""} & RESOURCE_TYPES


@pytest.mark.parametrize("text", ["1", "a-b.C", "a" * 64, "7d0a5a0e-3f5d-4f5b-9a57-0b5d6f1f0c11"])
def test_an_id(text: str) -> None:
    assert is_id(text)
    assert place("Patient", text) == f"Patient/{text}"


@pytest.mark.parametrize("text", ["", ".", "..", "a" * 65, "a_b", "a/b", "a b", "a\n", "é", "a?b", "%2e"])
def test_no_id(text: str) -> None:
    assert not is_id(text)
    with pytest.raises(FhirRejected):
        place("Patient", text)


def test_a_type_alone_is_a_place() -> None:
    assert place("Patient") == "Patient"
    with pytest.raises(FhirRejected):
        place("Nonsense")


def test_a_decided_status_is_a_status_and_a_mistake_is_no_decision() -> None:
    assert DECIDED < OBSERVATION_STATUS | VERIFICATION_STATUS
    assert len(OBSERVATION_STATUS) == 8, "https://hl7.org/fhir/R4/valueset-observation-status.html"
    assert len(VERIFICATION_STATUS) == 6, "https://hl7.org/fhir/R4/valueset-condition-ver-status.html"
    assert ENTERED_IN_ERROR in OBSERVATION_STATUS & VERIFICATION_STATUS
    assert not {ENTERED_IN_ERROR, "preliminary", "unconfirmed", "provisional"} & DECIDED
