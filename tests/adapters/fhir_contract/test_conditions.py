"""What has no id of ours is created once, and updated by what it is found by."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import FhirRejected

SYSTEM = "urn:medie-fhir:test"


async def test_a_conditional_create_happens_once_and_references_follow(target: Any) -> None:
    placeholder = "urn:uuid:00000000-0000-4000-8000-000000000002"
    query = f"identifier={SYSTEM}|{target.id('k')}"
    created = target.entry(target.anonymous(), "POST", "Patient", placeholder, ifNoneExist=query)
    bundle = target.transaction(created, target.entry(target.condition(subject=placeholder)))

    first = await target.server.transact(bundle)
    second = await target.server.transact(bundle)

    assert target.outcomes(first) == [("201", "1"), ("201", "1")]
    assert target.outcomes(second) == [("200", "1"), ("200", "1")]
    [only] = await target.server.search("Patient", {"identifier": f"{SYSTEM}|{target.id('k')}"})
    written = await target.server.read("Condition", target.id("c"))
    assert written is not None
    assert written["subject"]["reference"] == f"Patient/{only['id']}"


async def test_a_conditional_update_creates_then_updates_then_rests(target: Any) -> None:
    url = f"Patient?identifier={SYSTEM}|{target.id('k')}"

    created = await target.server.transact(target.transaction(target.entry(target.anonymous(), url=url)))
    updated = await target.server.transact(target.transaction(target.entry(target.anonymous(gender="male"), url=url)))
    same = await target.server.transact(target.transaction(target.entry(target.anonymous(gender="male"), url=url)))

    assert [target.outcomes(response) for response in (created, updated, same)] == [
        [("201", "1")],
        [("200", "2")],
        [("200", "2")],
    ]


async def test_a_condition_that_several_match_is_refused_and_not_tried_again(target: Any) -> None:
    for _ in range(2):
        await target.server.transact(target.transaction(target.entry(target.anonymous(), "POST", "Patient")))
    query = f"identifier={SYSTEM}|{target.id('k')}"

    with pytest.raises(FhirRejected, match="HAPI-0958"):
        await target.server.transact(
            target.transaction(target.entry(target.anonymous(), "POST", "Patient", ifNoneExist=query))
        )
    with pytest.raises(FhirRejected, match="HAPI-2207"):
        await target.server.transact(target.transaction(target.entry(target.anonymous(), url=f"Patient?{query}")))
    with pytest.raises(FhirRejected, match="HAPI-2207"):
        await target.server.transact(target.puts([target.condition(subject=f"Patient?{query}")]))


async def test_a_resource_that_its_own_condition_misses_is_refused(target: Any) -> None:
    url = f"Patient?identifier={SYSTEM}|{target.id('another')}"

    with pytest.raises(FhirRejected, match="HAPI-0539"):
        await target.server.transact(target.transaction(target.entry(target.anonymous(), url=url)))


async def test_an_entry_that_the_server_drops_does_not_pass_for_written(target: Any) -> None:
    url = f"Patient?identifier={SYSTEM}|{target.id('k')}"
    full_urls = [f"urn:uuid:00000000-0000-4000-8000-00000000001{number}" for number in range(2)]
    twice = [target.entry(target.anonymous(), url=url, full_url=full_url) for full_url in full_urls]

    with pytest.raises(FhirRejected, match="1 of 2 entries"):
        await target.server.transact(target.transaction(*twice))


async def test_of_sixteen_racing_conditional_creates_one_creates(target: Any) -> None:
    query = f"identifier={SYSTEM}|{target.id('k')}"
    created = target.transaction(target.entry(target.anonymous(), "POST", "Patient", ifNoneExist=query))

    came = await target.racing([created] * 16)

    assert target.winners(came, "201") <= 1  # the answer of the one that did may be lost to a retry
    assert len(await target.server.search("Patient", {"identifier": f"{SYSTEM}|{target.id('k')}"})) == 1


async def test_a_condition_that_several_match_is_refused_with_412(target: Any) -> None:
    for _ in range(2):
        await target.server.transact(target.transaction(target.entry(target.anonymous(), "POST", "Patient")))
    query = f"identifier={SYSTEM}|{target.id('k')}"

    with pytest.raises(FhirRejected, match="HTTP 412 "):
        await target.server.transact(
            target.transaction(target.entry(target.anonymous(), "POST", "Patient", ifNoneExist=query))
        )
