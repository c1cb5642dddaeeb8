"""The names of FHIR R4."""

from __future__ import annotations

import pytest

from medie_fhir.errors import FhirRejected
from medie_fhir.fhir_names import RESOURCE_TYPES, is_id, place


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
