"""What was written is found, by all that we search for, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import FhirRejected

SYSTEM = "urn:medie-fhir:test"


@pytest.mark.parametrize(
    ("resource_type", "params"),
    [
        ("Patient", {"_id": "{p}"}),
        ("Patient", {"identifier": SYSTEM + "|{p}"}),
        ("Patient", {"identifier": "{p}"}),
        ("Condition", {"patient": "{p}"}),
        ("Condition", {"patient": "Patient/{p}", "category": "problem-list-item"}),
        ("Condition", {"subject": "Patient/{p}", "code": "http://snomed.info/sct|254637007"}),
        ("Observation", {"patient": "{p}", "status": "final,preliminary"}),
        ("Observation", {"focus": "Condition/{c}"}),
        ("Provenance", {"entity": "DocumentReference/{d}"}),
        ("Provenance", {"target": "Observation/{o}"}),
        ("Provenance", {"agent": "Device/{s}"}),
        ("DocumentReference", {"subject": "Patient/{p}", "status": "current"}),
    ],
)
async def test_a_search_finds_what_was_just_written(target: Any, resource_type: str, params: dict[str, str]) -> None:
    await target.server.transact(target.puts(target.six()))

    found = await target.server.search(resource_type, {k: v.format(**target.ids()) for k, v in params.items()})

    assert [resource["resourceType"] for resource in found] == [resource_type]


@pytest.mark.parametrize(
    ("resource_type", "params"),
    [
        ("Patient", {"identifier": "urn:another|{p}"}),
        ("Patient", {"identifier": "|{p}"}),
        ("Condition", {"patient": "Observation/{p}"}),
        ("Condition", {"patient": "{p}", "category": "encounter-diagnosis"}),
        ("Observation", {"patient": "{p}", "status": "final"}),
        ("Provenance", {"entity": "DocumentReference/{p}"}),
    ],
)
async def test_a_search_finds_nothing_else(target: Any, resource_type: str, params: dict[str, str]) -> None:
    await target.server.transact(target.puts(target.six()))

    found = await target.server.search(resource_type, {k: v.format(**target.ids()) for k, v in params.items()})

    assert found == []


@pytest.mark.parametrize(
    ("sought", "finds"),
    [
        (SYSTEM + r"|\|{p}", 1),
        (SYSTEM + "||{p}", 1),
        (r"\|{p}", 1),
        ("|{p}", 0),
        (r"|\|{p}", 0),
    ],
)
async def test_a_bar_in_a_value_is_found_escaped_or_after_the_first(target: Any, sought: str, finds: int) -> None:
    barred = [{"system": SYSTEM, "value": f"|{target.id('p')}"}]
    await target.server.transact(target.puts([target.patient() | {"identifier": barred}]))

    assert len(await target.server.search("Patient", {"identifier": sought.format(**target.ids())})) == finds


async def test_a_search_gives_all_pages_in_one_order(target: Any) -> None:
    many = [target.condition(f"c{number:02}") for number in range(23)]
    await target.server.transact(target.puts([target.patient(), *many]))

    found = await target.server.search("Condition", {"patient": target.id("p"), "_count": "5"})

    assert [resource["id"] for resource in found] == [resource["id"] for resource in many]
    assert await target.server.search("Condition", {"patient": target.id("p")}) == found


@pytest.mark.parametrize(("resource_type", "name"), [("Patient", "nonsense"), ("Provenance", "identifier")])
async def test_an_unknown_search_parameter_is_refused(target: Any, resource_type: str, name: str) -> None:
    with pytest.raises(FhirRejected, match="HAPI-0524"):
        await target.server.search(resource_type, {name: "x"})


@pytest.mark.parametrize(
    ("resource_type", "params", "finds"),
    [
        ("Provenance", {"entity": "DocumentReference/{d}"}, 1),
        ("Provenance", {"entity": "DocumentReference/{p},DocumentReference/{d}"}, 1),
        ("Provenance", {"target": "Condition/{p},Observation/{o}"}, 1),
        ("Provenance", {"target": "Condition/{c},Observation/{o}"}, 1),
        ("Provenance", {"target": "Condition/{p},Observation/{p}"}, 0),
        ("Patient", {"_id": "{p},{c}"}, 1),
        ("Patient", {"identifier": SYSTEM + "|{p}," + SYSTEM + "|{c}"}, 1),
        ("Patient", {"identifier": SYSTEM + r"|{p}\," + SYSTEM + "|{c}"}, 0),
    ],
)
async def test_a_comma_means_or_unless_it_is_escaped(
    target: Any, resource_type: str, params: dict[str, str], finds: int
) -> None:
    await target.server.transact(target.puts(target.six()))

    found = await target.server.search(resource_type, {k: v.format(**target.ids()) for k, v in params.items()})

    assert len(found) == finds


@pytest.mark.parametrize("character", [",", "$", "\\", "|"])
async def test_a_value_with_a_special_character_is_found_escaped(target: Any, character: str) -> None:
    identifier = [{"system": SYSTEM, "value": f"a{character}{target.id('p')}"}]
    await target.server.transact(target.puts([target.patient() | {"identifier": identifier}]))

    found = await target.server.search("Patient", {"identifier": f"{SYSTEM}|a\\{character}{target.id('p')}"})

    assert [resource["id"] for resource in found] == [target.id("p")]


async def test_what_we_tag_is_found_by_its_tag(target: Any) -> None:
    tag = {"system": SYSTEM, "code": target.id("t")}
    await target.server.transact(target.puts([target.patient(meta={"tag": [tag]}), target.patient("other")]))

    by_code = await target.server.search("Patient", {"_tag": f"{SYSTEM}|{target.id('t')}"})
    by_another = await target.server.search("Patient", {"_tag": f"urn:another|{target.id('t')}"})

    assert [resource["id"] for resource in by_code] == [target.id("p")]
    assert by_another == []
