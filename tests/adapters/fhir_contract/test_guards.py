"""A version that another has written since is not written over, however many race."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import FhirConflict


async def test_a_stale_if_match_is_a_conflict_and_undoes_all(target: Any) -> None:
    await target.server.transact(target.puts([target.patient()]))
    stale = target.entry(target.patient(gender="male"), ifMatch='W/"9"')

    with pytest.raises(FhirConflict, match="HAPI-0989"):
        await target.server.transact(target.transaction(target.entry(target.patient("other")), stale))

    assert await target.server.read("Patient", target.id("other")) is None


async def test_a_current_if_match_is_let_through(target: Any) -> None:
    await target.server.transact(target.puts([target.patient()]))

    response = await target.server.transact(
        target.transaction(target.entry(target.patient(gender="male"), ifMatch='W/"1"'))
    )

    assert target.outcomes(response) == [("200", "2")]


async def test_an_if_match_on_what_is_not_there_is_not_looked_at(target: Any) -> None:
    response = await target.server.transact(target.transaction(target.entry(target.patient(), ifMatch='W/"1"')))

    assert target.outcomes(response) == [("201", "1")]


async def test_version_0_creates_what_is_not_there_and_is_a_conflict_where_something_is(target: Any) -> None:
    first = target.transaction(target.entry(target.patient(), ifMatch='W/"0"'))
    assert target.outcomes(await target.server.transact(first)) == [("201", "1")]

    with pytest.raises(FhirConflict, match="HTTP 409"):
        await target.server.transact(target.transaction(target.entry(target.patient("other")), *first["entry"]))

    assert await target.server.read("Patient", target.id("other")) is None


async def test_a_version_that_is_not_the_current_is_a_conflict_though_nothing_would_change(target: Any) -> None:
    for gender in ("female", "male"):
        await target.server.transact(target.puts([target.patient(gender=gender)]))

    with pytest.raises(FhirConflict, match="HTTP 409"):
        await target.server.transact(target.transaction(target.entry(target.patient(gender="male"), ifMatch='W/"1"')))
    same = await target.server.transact(
        target.transaction(target.entry(target.patient(gender="male"), ifMatch='W/"2"'))
    )

    assert target.outcomes(same) == [("200", "2")]


async def test_what_was_deleted_can_be_guarded_by_version_0(target: Any) -> None:
    await target.server.transact(target.puts([target.patient()]))
    await target.server.transact(target.transaction(target.deletion(f"Patient/{target.id('p')}")))

    with pytest.raises(FhirConflict):
        await target.server.transact(target.transaction(target.entry(target.patient(), ifMatch='W/"0"')))


async def test_of_sixteen_racing_creates_under_version_0_one_creates(target: Any) -> None:
    came = await target.racing(
        [target.transaction(target.entry(target.patient(birthDate=str(1950 + n)), ifMatch='W/"0"')) for n in range(16)]
    )

    assert target.winners(came, "201") == 1
    assert sum(isinstance(one, FhirConflict) for one in came) == 15
    assert len(await target.server.history("Patient", target.id("p"))) == 1


async def test_of_sixteen_racing_updates_of_one_version_one_is_let_through(target: Any) -> None:
    await target.server.transact(target.puts([target.patient()]))

    came = await target.racing(
        [target.transaction(target.entry(target.patient(birthDate=str(1950 + n)), ifMatch='W/"1"')) for n in range(16)]
    )

    assert target.winners(came, "200") == 1
    assert len(await target.server.history("Patient", target.id("p"))) == 2


async def test_racing_writes_of_the_same_resource_leave_one_version(target: Any) -> None:
    came = await target.racing([target.puts(target.six())] * 8)

    assert any(not isinstance(one, BaseException) for one in came)
    for resource in target.six():
        assert len(await target.server.history(resource["resourceType"], resource["id"])) == 1
