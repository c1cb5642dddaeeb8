"""What is written refers to the note's patient as the target holds him, by the note's id, or nothing is."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from medie_fhir.errors import FhirUnavailable, SubjectMissing
from medie_fhir.model import Json, RetractionReason

MRN = {"type": "Patient", "identifier": {"system": "urn:mrn", "value": "SECRET7"}}


def both(id_: str, mrn: str) -> Json:
    return {"reference": f"Patient/{id_}", "identifier": {"system": "urn:mrn", "value": mrn}}


async def test_a_patient_that_the_target_holds_leaves_the_record_as_it_is(
    target: Any, subjects: Any, record: Any
) -> None:
    await target.patient("p1")
    given_ = record({"reference": "Patient/p1"})
    assert await subjects().placed(given_) is given_


@pytest.mark.parametrize("way", ["https://target.example/fhir/Patient/p1", "Patient/p1/_history/3"])
async def test_a_url_of_the_target_and_a_version_are_cut_to_the_id(
    target: Any, subjects: Any, record: Any, way: str
) -> None:
    await target.patient("p1")
    placed = await subjects().placed(record({"reference": way}))
    assert placed.document.subject == {"reference": "Patient/p1"}


async def test_an_identifier_without_a_system_is_refused_where_it_may_be_anothers(
    target: Any, subjects: Any, record: Any
) -> None:
    nameless = {"type": "Patient", "identifier": {"value": "SECRET7"}}
    await target.hold({"resourceType": "Patient", "id": "p1", "identifier": [{"value": "SECRET7"}]})
    assert (await subjects().placed(record(nameless))).document.subject == {"reference": "Patient/p1"}
    await target.patient("p2", "SECRET7")
    with pytest.raises(SubjectMissing, match="under a system") as refused:
        await subjects().placed(record(nameless))
    assert "SECRET7" not in str(refused.value)


async def test_a_patient_that_is_not_there_is_refused_without_a_word_of_the_id(subjects: Any, record: Any) -> None:
    with pytest.raises(SubjectMissing, match="doesn't hold the note's Patient") as refused:
        await subjects().placed(record({"reference": "Patient/SECRET7"}))
    assert "SECRET7" not in str(refused.value)


async def test_an_id_that_is_another_patients_there_gives_way_to_the_identifier(
    target: Any, subjects: Any, record: Any
) -> None:
    """Two servers number their patients alike: the target's 123 is not the sender's."""
    await target.patient("p123", "ANOTHER")
    with pytest.raises(SubjectMissing, match="is another one"):
        await subjects().placed(record(both("p123", "SECRET7")))
    await target.patient("p5", "SECRET7")
    placed = await subjects().placed(record(both("p123", "SECRET7")))
    assert placed.document.subject == {"reference": "Patient/p5"}


async def test_an_id_with_its_own_identifier_is_read_and_not_searched(target: Any, subjects: Any, record: Any) -> None:
    await target.patient("p1", "SECRET7")
    given_ = record(both("p1", "SECRET7"))
    assert await subjects().placed(given_) is given_
    assert target.asked == ["read Patient"]


async def test_a_url_of_another_server_is_written_only_if_the_settings_say_so(subjects: Any, record: Any) -> None:
    given_ = record({"reference": "https://else.example/fhir/Patient/p1"})
    with pytest.raises(SubjectMissing, match="on another server"):
        await subjects().placed(given_)
    assert await subjects(external=True).placed(given_) is given_


async def test_a_patient_of_another_server_is_found_by_the_identifier_beside_its_url(
    target: Any, subjects: Any, record: Any
) -> None:
    await target.patient("p9", "SECRET7")
    placed = await subjects().placed(record({"reference": "https://else.example/fhir/Patient/p1", **MRN}))
    assert placed.document.subject == {"reference": "Patient/p9"}


@pytest.mark.parametrize("subject", [{"reference": "Group/g1"}, {"reference": "Patient/a_b"}, {**MRN, "type": "Group"}])
async def test_what_names_no_patient_is_refused(subjects: Any, record: Any, subject: Json) -> None:
    with pytest.raises(SubjectMissing, match="names no Patient"):
        await subjects().placed(record(subject))


async def test_a_record_about_nobody_is_refused(subjects: Any, record: Any) -> None:
    with pytest.raises(SubjectMissing, match="nobody"):
        await subjects().placed(record(None))


async def test_a_target_that_cannot_be_asked_is_given_the_patient_as_he_came(
    target: Any, subjects: Any, record: Any
) -> None:
    placed = await subjects(asks=False).placed(record({"reference": "Patient/p1"}, {"reference": "Encounter/e1"}))
    assert (placed.document.subject, placed.document.encounter) == ({"reference": "Patient/p1"}, None)
    assert target.asked == []


@pytest.mark.parametrize("missing", ["dead-letter", "wait", "stub"])
async def test_a_retraction_does_not_fail_because_the_patient_is_gone(
    target: Any, subjects: Any, record: Any, missing: str
) -> None:
    ours, why = subjects(missing=missing), RetractionReason.DELETED
    assert (await ours.placed(record({"reference": "Patient/p1"}, retracted=why))).document.subject is None
    assert (await ours.placed(record(both("p1", "7"), retracted=why))).document.subject == {
        "identifier": {"system": "urn:mrn", "value": "7"}
    }
    assert (await ours.placed(record(None, retracted=why))).document.subject is None
    assert target.stubs() == []


async def test_a_retraction_is_of_the_patient_where_he_is_there(target: Any, subjects: Any, record: Any) -> None:
    await target.patient("p1", "SECRET7")
    placed = await subjects().placed(record(MRN, retracted=RetractionReason.DELETED))
    assert placed.document.subject == {"reference": "Patient/p1"}


async def test_fifty_notes_of_one_patient_cost_one_read(target: Any, subjects: Any, record: Any) -> None:
    await target.patient("p1")
    ours = subjects()
    await asyncio.gather(*(ours.placed(record({"reference": "Patient/p1"})) for _ in range(50)))
    assert target.asked == ["read Patient"]


async def test_a_server_that_is_away_is_asked_again_at_once(
    target: Any, subjects: Any, record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await target.patient("p1")
    ours = subjects()

    async def away(*_: str) -> None:
        raise FhirUnavailable("reading a Patient: HTTP 503")

    with monkeypatch.context() as outage:
        outage.setattr(target, "read", away)
        with contextlib.suppress(FhirUnavailable):
            await ours.placed(record({"reference": "Patient/p1"}))
    assert (await ours.placed(record({"reference": "Patient/p1"}))).document.subject == {"reference": "Patient/p1"}
