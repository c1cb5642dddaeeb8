"""A patient who was merged into another."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import SubjectMissing
from medie_fhir.model import Json

MRN = {"type": "Patient", "identifier": {"system": "urn:mrn", "value": "SECRET7"}}
OLD_MRN = {"use": "old", "system": "urn:mrn", "value": "SECRET7"}


@pytest.mark.parametrize("subject", [{"reference": "Patient/p1"}, MRN])
async def test_a_merged_patient_is_the_one_that_he_was_merged_into(
    target: Any, subjects: Any, record: Any, subject: Json
) -> None:
    await target.patient("p3", identifier=[OLD_MRN])
    await target.patient("p2", **target.merged_into("p3"))
    await target.patient("p1", "SECRET7", active=False, **target.merged_into("p2"))
    assert (await subjects().placed(record(subject))).document.subject == {"reference": "Patient/p3"}


async def test_the_heir_of_an_identifier_is_not_mixed_with_another_who_has_it_now(
    target: Any, subjects: Any, record: Any
) -> None:
    await target.patient("p2", identifier=[OLD_MRN])
    await target.patient("p9", "SECRET7")
    with pytest.raises(SubjectMissing, match="2 Patients"):
        await subjects().placed(record(MRN))


async def test_a_circle_of_merges_is_refused(target: Any, subjects: Any, record: Any) -> None:
    await target.patient("p1")
    await target.patient("p2", **target.merged_into("p1"))
    await target.patient("p1", **target.merged_into("p2"))
    with pytest.raises(SubjectMissing, match="in a circle"):
        await subjects().placed(record({"reference": "Patient/p1"}))


@pytest.mark.parametrize(
    "other", [{"identifier": {"value": "x"}}, {"reference": "https://else.example/Patient/1"}, {"display": "Roe"}]
)
async def test_a_patient_replaced_by_one_that_cannot_be_told_is_refused(
    target: Any, subjects: Any, record: Any, other: Json
) -> None:
    await target.patient("p1", link=[{"other": other, "type": "replaced-by"}])
    with pytest.raises(SubjectMissing, match="can't be told"):
        await subjects(missing="stub").placed(record({"reference": "Patient/p1"}))


async def test_a_merge_is_seen_when_the_answer_has_grown_old(
    target: Any, subjects: Any, record: Any, clock: Any
) -> None:
    await target.patient("p2")
    await target.patient("p1")
    ours, given_ = subjects(), record({"reference": "Patient/p1"})
    await ours.placed(given_)
    await target.patient("p1", **target.merged_into("p2"))
    clock.pass_(59)
    assert (await ours.placed(given_)).document.subject == {"reference": "Patient/p1"}
    clock.pass_(1)
    assert (await ours.placed(given_)).document.subject == {"reference": "Patient/p2"}
