"""A patient who is not there: refused, waited for, or made of the identifier."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from medie_fhir.errors import FhirConflict, SubjectAwaited, SubjectMissing
from medie_fhir.model import Json

MRN = {"type": "Patient", "identifier": {"system": "urn:mrn", "value": "SECRET7"}}


async def test_a_patient_that_is_waited_for_is_found_seconds_after_he_has_come(
    target: Any, subjects: Any, record: Any, clock: Any
) -> None:
    ours = subjects(missing="wait")
    with pytest.raises(SubjectAwaited):
        await ours.placed(record(MRN))
    await target.patient("p1", "SECRET7")
    clock.pass_(5)
    assert (await ours.placed(record(MRN))).document.subject == {"reference": "Patient/p1"}


async def test_a_stub_is_made_of_the_identifier_and_of_nothing_else(target: Any, subjects: Any, record: Any) -> None:
    placed = await subjects(missing="stub").placed(record(MRN))
    (patient,) = target.stubs()
    assert placed.document.subject == {"reference": f"Patient/{patient['id']}"}
    assert {name: value for name, value in patient.items() if name not in ("id", "meta")} == {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:mrn", "value": "SECRET7"}],
    }
    assert [tag["code"] for tag in patient["meta"]["tag"]] == ["stub"]


@pytest.mark.parametrize(
    ("subject", "why"),
    [({"reference": "Patient/p1"}, "gives no identifier"), ({"identifier": {"value": "7"}}, "has no system")],
)
async def test_a_stub_is_not_made_of_too_little(
    target: Any, subjects: Any, record: Any, subject: Json, why: str
) -> None:
    with pytest.raises(SubjectMissing, match=why):
        await subjects(missing="stub").placed(record(subject))
    assert target.stubs() == []


async def test_consumers_that_race_make_one_stub(target: Any, subjects: Any, record: Any) -> None:
    placed = await asyncio.gather(*(subjects(missing="stub").placed(record(MRN)) for _ in range(8)))
    assert len(target.stubs()) == 1
    assert len({p.document.subject["reference"] for p in placed}) == 1


async def test_a_stub_that_another_was_faster_to_make_is_taken(
    target: Any, subjects: Any, record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    faster, seen = subjects(missing="stub"), target.transact

    async def beaten(bundle: Json) -> Json:
        monkeypatch.setattr(target, "transact", seen)
        await faster.placed(record(MRN))
        raise FhirConflict("posting a transaction: HTTP 409")

    monkeypatch.setattr(target, "transact", beaten)
    placed = await subjects(missing="stub").placed(record(MRN))
    assert [placed.document.subject] == [{"reference": f"Patient/{p['id']}"} for p in target.stubs()]


async def test_a_stub_that_was_deleted_is_made_again(target: Any, subjects: Any, record: Any, clock: Any) -> None:
    ours = subjects(missing="stub")
    place = (await ours.placed(record(MRN))).document.subject["reference"]
    gone = {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "DELETE", "url": place}}]}
    await target.twin.transact(gone)
    clock.pass_(60)
    assert (await ours.placed(record(MRN))).document.subject == {"reference": place}
    assert len(target.stubs()) == 1


async def test_a_stub_that_a_person_has_given_another_identifier_is_not_written_over(
    target: Any, subjects: Any, record: Any, clock: Any
) -> None:
    ours = subjects(missing="stub")
    id_ = (await ours.placed(record(MRN))).document.subject["reference"].partition("/")[2]
    await target.patient(id_, "ANOTHER")
    clock.pass_(60)
    with pytest.raises(SubjectMissing, match="a person's work"):
        await ours.placed(record(MRN))


async def test_the_real_patient_is_taken_before_the_stub(target: Any, subjects: Any, record: Any, clock: Any) -> None:
    ours = subjects(missing="stub")
    await ours.placed(record(MRN))
    await target.patient("p1", "SECRET7")
    clock.pass_(60)
    assert (await ours.placed(record(MRN))).document.subject == {"reference": "Patient/p1"}


async def test_a_stub_that_was_filled_is_a_patient_like_any(
    target: Any, subjects: Any, record: Any, clock: Any
) -> None:
    """Servers add tags up, so that the tag of the stub stays on it."""
    ours = subjects(missing="stub")
    id_ = (await ours.placed(record(MRN))).document.subject["reference"].partition("/")[2]
    await target.patient(id_, "SECRET7")
    await target.patient("p1", "SECRET7")
    clock.pass_(60)
    with pytest.raises(SubjectMissing, match="2 Patients"):
        await ours.placed(record(MRN))
