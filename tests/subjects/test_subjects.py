"""What is written refers to the note's patient as the target holds it, or nothing is written."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.errors import FhirConflict, FhirForbidden, FhirUnavailable, SubjectAwaited, SubjectMissing
from medie_fhir.model import Json, RetractionReason
from medie_fhir.subjects import SubjectOptions, Subjects

MRN = {"type": "Patient", "identifier": {"system": "urn:mrn", "value": "SECRET7"}}
OLD_MRN = {"use": "old", "system": "urn:mrn", "value": "SECRET7"}


def merged_into(id_: str) -> Json:
    return {"link": [{"other": {"reference": f"Patient/{id_}"}, "type": "replaced-by"}]}


def both(id_: str, mrn: str) -> Json:
    return {"reference": f"Patient/{id_}", "identifier": {"system": "urn:mrn", "value": mrn}}


# --- by id ------------------------------------------------------------------------------------------------------------


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


# --- by identifier ----------------------------------------------------------------------------------------------------


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


# --- merged patients --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [{"reference": "Patient/p1"}, MRN])
async def test_a_merged_patient_is_the_one_that_he_was_merged_into(
    target: Any, subjects: Any, record: Any, subject: Json
) -> None:
    await target.patient("p3", identifier=[OLD_MRN])
    await target.patient("p2", **merged_into("p3"))
    await target.patient("p1", "SECRET7", active=False, **merged_into("p2"))
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
    await target.patient("p2", **merged_into("p1"))
    await target.patient("p1", **merged_into("p2"))
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
    await target.patient("p1", **merged_into("p2"))
    clock.pass_(59)
    assert (await ours.placed(given_)).document.subject == {"reference": "Patient/p1"}
    clock.pass_(1)
    assert (await ours.placed(given_)).document.subject == {"reference": "Patient/p2"}


# --- not there --------------------------------------------------------------------------------------------------------


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


# --- retractions ------------------------------------------------------------------------------------------------------


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


# --- encounters -------------------------------------------------------------------------------------------------------


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
    await target.patient("p1", **merged_into("p2"))
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


# --- how often the server is asked ------------------------------------------------------------------------------------


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


# --- the law ----------------------------------------------------------------------------------------------------------

people = st.lists(
    st.fixed_dictionaries(
        {"mrn": st.sampled_from(["1", "2", None]), "active": st.booleans(), "into": st.sampled_from([0, 1, 2, None])}
    ),
    min_size=3,
    max_size=3,
)
asked = st.builds(
    lambda id_, mrn: {
        **({"reference": f"Patient/p{id_}"} if id_ is not None else {}),
        **({"identifier": {"system": "urn:mrn", "value": mrn}} if mrn else {}),
    },
    st.sampled_from([0, 1, 2, 3, None]),
    st.sampled_from(["1", "2", "3", None]),
).filter(bool)


@settings(deadline=None)  # each example has a server of its own
@given(people=people, asked=asked)
async def test_the_subject_written_is_the_one_of_the_note_or_nothing_is_written(
    make_target: Any, record: Any, people: list[Json], asked: Json
) -> None:
    target = make_target()
    for index in range(len(people)):
        await target.patient(f"p{index}")
    for index, one in enumerate(people):
        link = merged_into(f"p{one['into']}") if one["into"] is not None else {}
        await target.patient(f"p{index}", one["mrn"], active=one["active"], **link)
    try:
        placed = await Subjects(target, target.clock, SubjectOptions(missing="stub")).placed(record(asked))
    except SubjectMissing:
        return
    written = placed.document.subject["reference"].partition("/")[2]
    meant, mrn = asked.get("reference", "").partition("/")[2], asked.get("identifier", {}).get("value")
    if written in [stub["id"] for stub in target.stubs()]:
        assert [i["value"] for stub in target.stubs() for i in stub["identifier"]] == [mrn]
        assert mrn not in [one["mrn"] for one in people]
        return
    roots = {written}  # all who were merged into the one that was written
    for _ in people:
        roots |= {f"p{i}" for i, one in enumerate(people) if one["into"] is not None and f"p{one['into']}" in roots}
    assert people[int(written[1:])]["into"] is None
    if mrn:
        assert mrn in [people[int(root[1:])]["mrn"] for root in roots]
    else:
        assert meant in roots
