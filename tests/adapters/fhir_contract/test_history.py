"""Every version is kept, and a deletion is one."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import FhirConflict, FhirRejected


async def test_a_deleted_resource_is_absent_and_can_come_back(target: Any) -> None:
    place = f"Patient/{target.id('p')}"
    await target.server.transact(target.puts([target.patient()]))

    response = await target.server.transact(target.transaction(target.deletion(place)))
    again = await target.server.transact(target.transaction(target.deletion(place)))

    assert target.outcomes(response) == target.outcomes(again) == [("204", "2")]
    assert await target.server.read("Patient", target.id("p")) is None
    assert await target.server.search("Patient", {"_id": target.id("p")}) == []
    assert len(await target.server.history("Patient", target.id("p"))) == 1
    with pytest.raises(FhirRejected, match="HAPI-1096"):
        await target.server.transact(target.puts([target.condition()]))
    assert target.outcomes(await target.server.transact(target.puts([target.patient()]))) == [("201", "3")]


async def test_what_others_refer_to_is_not_deleted(target: Any) -> None:
    await target.server.transact(target.puts(target.six()))

    with pytest.raises(FhirConflict):
        await target.server.transact(target.transaction(target.deletion(f"Condition/{target.id('c')}")))

    assert await target.server.read("Condition", target.id("c")) is not None


async def test_deletions_come_first_and_reads_last_whatever_their_place(target: Any) -> None:
    place = f"Patient/{target.id('p')}"
    await target.server.transact(target.puts([target.patient()]))
    read = {"request": {"method": "GET", "url": place}}

    response = await target.server.transact(
        target.transaction(read, target.entry(target.patient()), target.deletion(place))
    )

    assert [status for status, _ in target.outcomes(response)] == ["200", "201", "204"]
    assert response["entry"][0]["resource"]["meta"]["versionId"] == "3"


async def test_a_resource_that_goes_back_to_what_it_was_has_a_version_more(target: Any) -> None:
    for gender in ("female", "male", "female"):
        await target.server.transact(target.puts([target.patient(gender=gender)]))

    history = await target.server.history("Patient", target.id("p"))

    assert [(v["meta"]["versionId"], v["gender"]) for v in history] == [("3", "female"), ("2", "male"), ("1", "female")]


async def test_a_history_of_many_pages_is_whole_and_newest_first(target: Any) -> None:
    for number in range(24):
        await target.server.transact(target.puts([target.patient(birthDate=str(1950 + number))]))

    history = await target.server.history("Patient", target.id("p"))

    assert [v["birthDate"] for v in history] == [str(1950 + number) for number in reversed(range(24))]
