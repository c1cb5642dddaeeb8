"""The FHIR server of deploy/local/fhir: a real one, which keeps what it was given."""

from __future__ import annotations

import uuid

import httpx
import pytest

pytestmark = pytest.mark.fhir


def transaction(patient: str) -> dict[str, object]:
    resources = [
        {"resourceType": "Patient", "id": patient, "gender": "female"},
        {
            "resourceType": "Condition",
            "id": f"{patient}-c",
            "subject": {"reference": f"Patient/{patient}"},
            "code": {"text": "Adenocarcinoma of lung"},
        },
    ]
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def put(address: str, patient: str) -> list[str]:
    """Write them, and return the version that each has now."""
    answer = httpx.post(address, json=transaction(patient), timeout=60).raise_for_status().json()
    return [entry["response"]["etag"].strip('W/"') for entry in answer["entry"]]


def test_the_same_transaction_again_makes_no_new_version(fhir_address: str) -> None:
    patient = str(uuid.uuid4())
    assert put(fhir_address, patient) == ["1", "1"]
    assert put(fhir_address, patient) == ["1", "1"]


def test_what_was_written_outlives_a_kill(local_fhir) -> None:
    patient = str(uuid.uuid4())
    put(local_fhir.address, patient)
    local_fhir.kill()
    assert local_fhir.pid is None
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{local_fhir.address}/metadata")
    local_fhir.start()
    kept = httpx.get(f"{local_fhir.address}/Condition/{patient}-c", timeout=60).raise_for_status().json()
    assert kept["subject"]["reference"] == f"Patient/{patient}"
    assert put(local_fhir.address, patient) == ["1", "1"]


def test_a_frozen_server_answers_nothing_until_it_thaws(local_fhir) -> None:
    local_fhir.pause()
    try:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{local_fhir.address}/metadata", timeout=0.5)
    finally:
        local_fhir.resume()
    assert httpx.get(f"{local_fhir.address}/Patient?_summary=count", timeout=60).status_code == 200
