"""What leads nowhere is refused, and placeholders and conditions become places."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import FhirRejected

SYSTEM = "urn:medie-fhir:test"


async def test_a_missing_reference_undoes_the_whole_transaction(target: Any) -> None:
    orphan = target.condition(subject=f"Patient/{target.id('missing')}")

    with pytest.raises(FhirRejected, match=r"HAPI-1094; missing Patient(?!/)"):
        await target.server.transact(target.puts([target.patient(), orphan]))

    assert await target.server.read("Patient", target.id("p")) is None


async def test_a_reference_to_the_wrong_type_is_refused(target: Any) -> None:
    with pytest.raises(FhirRejected, match="HAPI-0931"):
        await target.server.transact(target.puts([target.condition(subject=f"Device/{target.id('s')}")]))


async def test_references_outside_the_searchable_paths_are_not_checked(target: Any) -> None:
    missing = {"reference": f"Observation/{target.id('missing')}"}
    extension = [{"url": "urn:x", "valueReference": missing}]
    loose = target.condition(stage=[{"assessment": [missing]}], extension=extension)

    response = await target.server.transact(target.puts([target.patient(), loose]))

    assert target.outcomes(response) == [("201", "1")] * 2


async def test_placeholders_become_the_ids_of_the_same_bundle(target: Any) -> None:
    placeholder = "urn:uuid:7d0a5a0e-3f5d-4f5b-9a57-0b5d6f1f0c11"
    evidence = [{"url": "urn:x", "valueReference": {"reference": placeholder}}]
    facts = target.condition(subject=placeholder, extension=evidence)

    await target.server.transact(
        target.transaction(target.entry(facts), target.entry(target.patient(), full_url=placeholder))
    )

    written = await target.server.read("Condition", target.id("c"))
    assert written is not None
    assert written["subject"]["reference"] == f"Patient/{target.id('p')}"
    assert written["extension"][0]["valueReference"]["reference"] == f"Patient/{target.id('p')}"


async def test_a_placeholder_that_nothing_fills_is_refused(target: Any) -> None:
    stray = target.condition(subject="urn:uuid:7d0a5a0e-3f5d-4f5b-9a57-0b5d6f1f0c12")

    with pytest.raises(FhirRejected, match="HAPI-0541"):
        await target.server.transact(target.puts([stray]))


async def test_the_version_of_a_reference_is_cut_off(target: Any) -> None:
    await target.server.transact(target.puts([target.patient()]))

    await target.server.transact(target.puts([target.condition(subject=f"Patient/{target.id('p')}/_history/1")]))

    written = await target.server.read("Condition", target.id("c"))
    assert written is not None
    assert written["subject"]["reference"] == f"Patient/{target.id('p')}"


async def test_a_conditional_reference_is_resolved(target: Any) -> None:
    await target.server.transact(target.puts([target.patient()]))
    query = f"Patient?identifier={SYSTEM}|{target.id('p')}"

    await target.server.transact(target.puts([target.condition(subject=query)]))

    written = await target.server.read("Condition", target.id("c"))
    assert written is not None
    assert written["subject"]["reference"] == f"Patient/{target.id('p')}"
    with pytest.raises(FhirRejected, match="HAPI-1091"):
        await target.server.transact(target.puts([target.condition(subject=query.replace("|p-", "|x-"))]))
