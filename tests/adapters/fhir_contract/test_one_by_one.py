"""A batch, and single writes: each entry stands by itself."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import FhirConflict, FhirRejected

SYSTEM = "urn:medie-fhir:test"


async def test_the_entries_of_a_batch_stand_each_by_itself(target: Any) -> None:
    await target.server.transact(target.puts([target.patient()]))
    orphan = target.condition("orphan", subject=f"Patient/{target.id('missing')}")
    stale = target.entry(target.patient(gender="male"), ifMatch='W/"9"')

    response = await target.server.transact(target.batch(target.entry(target.condition()), target.entry(orphan), stale))

    assert [item["response"]["status"][:3] for item in response["entry"]] == ["201", "400", "409"]
    assert await target.server.read("Condition", target.id("c")) is not None
    assert await target.server.read("Condition", target.id("orphan")) is None
    assert (await target.server.read("Patient", target.id("p")) or {})["meta"]["versionId"] == "1"


async def test_a_batch_done_again_makes_no_new_version(target: Any) -> None:
    await target.server.transact(target.puts([target.patient()]))
    for _ in range(2):
        response = await target.server.transact(
            target.batch(target.entry(target.condition()), target.entry(target.patient()))
        )

    assert target.outcomes(response) == [("200", "1")] * 2


async def test_one_entry_alone_is_written_as_in_a_bundle(target: Any) -> None:
    created = await target.server.write(target.entry(target.patient()))
    again = await target.server.write(target.entry(target.patient()))
    changed = await target.server.write(target.entry(target.patient(gender="male"), ifMatch='W/"1"'))

    assert target.outcomes({"entry": [created, again, changed]}) == [("201", "1"), ("200", "1"), ("200", "2")]
    with pytest.raises(FhirConflict):
        await target.server.write(target.entry(target.patient(), ifMatch='W/"1"'))
    with pytest.raises(FhirRejected, match=r"missing Patient(?!/)"):
        await target.server.write(target.entry(target.condition(subject=f"Patient/{target.id('missing')}")))


async def test_one_entry_alone_is_created_or_updated_by_its_condition(target: Any) -> None:
    query = f"identifier={SYSTEM}|{target.id('k')}"

    created = await target.server.write(target.entry(target.anonymous(), "POST", "Patient", ifNoneExist=query))
    found = await target.server.write(target.entry(target.anonymous(), "POST", "Patient", ifNoneExist=query))
    updated = await target.server.write(target.entry(target.anonymous(gender="male"), url=f"Patient?{query}"))

    assert target.outcomes({"entry": [created, found, updated]}) == [("201", "1"), ("200", "1"), ("200", "2")]
    [only] = await target.server.search("Patient", {"identifier": f"{SYSTEM}|{target.id('k')}"})
    assert created["response"]["location"] == updated["response"]["location"] == f"Patient/{only['id']}"
