"""The only patient who has the very identifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.errors import SubjectMissing
from medie_fhir.model import Json
from medie_fhir.subjects import Subjects

MRN = {"type": "Patient", "identifier": {"system": "urn:mrn", "value": "SECRET7"}}


async def test_a_patient_is_found_by_identifier(target: Any, subjects: Any, record: Any) -> None:
    await target.patient("p1", "SECRET7")
    await target.patient("p2", "SECRET77")
    assert (await subjects().placed(record(MRN))).document.subject == {"reference": "Patient/p1"}


async def test_several_patients_with_one_identifier_are_counted_and_refused(
    target: Any, subjects: Any, record: Any
) -> None:
    await target.patient("p1", "SECRET7")
    await target.patient("p2", "SECRET7")
    for missing in ("dead-letter", "stub", "wait"):
        with pytest.raises(SubjectMissing, match="2 Patients") as refused:
            await subjects(missing=missing).placed(record(MRN))
        assert "SECRET7" not in str(refused.value)


async def test_the_active_one_of_several_is_the_patient(target: Any, subjects: Any, record: Any) -> None:
    await target.patient("p1", "SECRET7", active=False)
    await target.patient("p2", "SECRET7", active=True)
    assert (await subjects().placed(record(MRN))).document.subject == {"reference": "Patient/p2"}


async def test_the_only_one_is_the_patient_though_not_active(target: Any, subjects: Any, record: Any) -> None:
    await target.patient("p1", "SECRET7", active=False)
    assert (await subjects().placed(record(MRN))).document.subject == {"reference": "Patient/p1"}


async def test_an_identifier_without_a_system_finds_no_patient_of_a_system(
    target: Any, subjects: Any, record: Any
) -> None:
    await target.patient("p1", "SECRET7")
    with pytest.raises(SubjectMissing):
        await subjects().placed(record({"type": "Patient", "identifier": {"value": "SECRET7"}}))


async def test_what_a_careless_search_finds_is_compared_with_what_was_asked(
    target: Any, subjects: Any, record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some servers ignore a parameter that they don't know, and answer with everyone."""
    await target.patient("p1", "ANOTHER")

    async def everyone(resource_type: str, params: Mapping[str, str]) -> list[Json]:
        del resource_type, params
        return list(target.twin.current("Patient"))

    monkeypatch.setattr(target, "search", everyone)
    with pytest.raises(SubjectMissing, match="no Patient with"):
        await subjects().placed(record(MRN))


values = st.text(st.sampled_from(",|$\\aA7 é"), min_size=1, max_size=4).filter(str.strip)


systems = st.sampled_from(["urn:a", "urn:a|b", "urn:a,b", None])


@settings(deadline=None)  # each example has a server of its own
@given(mine=values, others=st.lists(values, max_size=4), system=systems)
async def test_no_identifier_is_taken_for_another(
    make_target: Any, record: Any, mine: str, others: list[str], system: str | None
) -> None:
    target = make_target()
    named = {"system": system, "value": mine} if system else {"value": mine}
    for index, other in enumerate(others):
        await target.hold({"resourceType": "Patient", "id": f"p{index}", "identifier": [named | {"value": other}]})
        await target.hold({"resourceType": "Patient", "id": f"q{index}", "identifier": [{"value": f"{system}{mine}"}]})
    fitting = [f"Patient/p{index}" for index, other in enumerate(others) if other == mine]
    try:
        placed = await Subjects(target, target.clock).placed(record({"type": "Patient", "identifier": named}))
    except SubjectMissing:
        assert len(fitting) != 1
    else:
        assert [placed.document.subject] == [{"reference": place} for place in fitting]
