"""The note's encounter: the patient's, or left out."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import FhirForbidden
from medie_fhir.model import Json


async def encounter(target: Any, id_: str, patient: str | None, **more: Any) -> None:
    whose = {"subject": {"reference": patient}} if patient else {}
    visit = {"resourceType": "Encounter", "id": id_, "status": "finished", "class": {"code": "AMB"}}
    await target.hold(visit | whose | more)


async def test_an_encounter_of_the_patient_is_kept(target: Any, subjects: Any, record: Any) -> None:
    await target.patient("p1")
    await encounter(target, "e1", "Patient/p1")
    given_ = record({"reference": "Patient/p1"}, {"reference": "Encounter/e1"})
    assert await subjects().placed(given_) is given_


async def test_an_encounter_is_found_by_identifier(target: Any, subjects: Any, record: Any) -> None:
    await target.patient("p1")
    await encounter(target, "e1", "Patient/p1", identifier=[{"system": "urn:visit", "value": "1"}])
    named = {"type": "Encounter", "identifier": {"system": "urn:visit", "value": "1"}}
    placed = await subjects().placed(record({"reference": "Patient/p1"}, named))
    assert placed.document.encounter == {"reference": "Encounter/e1"}


async def test_an_encounter_of_a_patient_who_was_merged_into_this_one_is_kept(
    target: Any, subjects: Any, record: Any
) -> None:
    await target.patient("p2")
    await target.patient("p1", **target.merged_into("p2"))
    await encounter(target, "e1", "Patient/p1")
    placed = await subjects().placed(record({"reference": "Patient/p1"}, {"reference": "Encounter/e1"}))
    assert placed.document.subject == {"reference": "Patient/p2"}
    assert placed.document.encounter == {"reference": "Encounter/e1"}


@pytest.mark.parametrize("whose", ["Patient/p2", None])
async def test_an_encounter_that_is_not_known_to_be_the_patients_is_left_out(
    target: Any, subjects: Any, record: Any, whose: str | None
) -> None:
    await target.patient("p1")
    await target.patient("p2")
    await encounter(target, "e1", whose)
    placed = await subjects().placed(record({"reference": "Patient/p1"}, {"reference": "Encounter/e1"}))
    assert placed.document.encounter is None


async def test_an_encounter_that_is_not_there_leaves_its_identifier(target: Any, subjects: Any, record: Any) -> None:
    await target.patient("p1")
    visit = {"reference": "Encounter/e1", "identifier": {"system": "urn:visit", "value": "1"}}
    placed = await subjects().placed(record({"reference": "Patient/p1"}, visit))
    assert placed.document.encounter == {"identifier": {"system": "urn:visit", "value": "1"}}


async def test_an_encounter_that_is_not_ours_to_read_refuses_no_note(
    target: Any, subjects: Any, record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await target.patient("p1")
    read = target.read

    async def closed(resource_type: str, resource_id: str) -> Json | None:
        if resource_type == "Encounter":
            raise FhirForbidden("reading a Encounter: HTTP 403")
        return await read(resource_type, resource_id)

    monkeypatch.setattr(target, "read", closed)
    placed = await subjects().placed(record({"reference": "Patient/p1"}, {"reference": "Encounter/e1"}))
    assert placed.document.encounter is None
