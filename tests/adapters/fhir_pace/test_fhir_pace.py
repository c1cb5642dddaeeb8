"""Transactions at the server's pace: whom they are about, how large they may be. How many: test_aimd.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from medie_fhir.adapters.fhir_pace import PacedFhir, subjects
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import ContentNotFound, FhirRejected
from medie_fhir.model import Json

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("patients", "setting", "has"),
    [
        ("abcdefghijk", "fhir.max_bundle_entries is 10", "11 entries"),
        (["a" * 10_000], "fhir.max_bundle_bytes is 10000", "bytes"),
    ],
)
async def test_what_is_too_large_is_refused_whole_and_says_which_limit(
    patients: Sequence[str], setting: str, has: str, bench: Make, about: Make
) -> None:
    async with bench() as b:
        with pytest.raises(FhirRejected) as caught:
            await b.paced.transact(about(*patients))

        assert setting in str(caught.value)
        assert has in str(caught.value)
        assert b.server.begun == []


async def test_what_is_just_not_too_large_is_sent(twin: FhirTwin, about: Make) -> None:
    bundle = about(*"abcdefghij")
    size = len(json.dumps(bundle, separators=(",", ":")))
    assert await PacedFhir(twin, most=1, max_entries=10, max_bytes=size).transact(bundle)
    with pytest.raises(FhirRejected, match=f"{size} bytes"):
        await PacedFhir(twin, most=1, max_entries=10, max_bytes=size - 1).transact(bundle)


async def test_all_else_is_passed_on(twin: FhirTwin, about: Make) -> None:
    paced = PacedFhir(twin, most=1, max_entries=10, max_bytes=10_000)
    await paced.transact(bundle := about("a"))
    basic = bundle["entry"][0]["resource"]["id"]

    assert (await paced.capabilities())["resourceType"] == "CapabilityStatement"
    assert (await paced.read("Basic", basic) or {})["id"] == basic
    assert [r["id"] for r in await paced.search("Basic", {"_id": basic})] == [basic]
    assert len(await paced.history("Basic", basic)) == 1
    with pytest.raises(ContentNotFound):
        await paced.content("Binary/none")


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ({"subject": {"reference": "Patient/p"}}, {"Patient/p"}),
        ({"subject": {"reference": "Patient/p/_history/3"}}, {"Patient/p"}),
        ({"patient": {"reference": "Patient?identifier=s|v"}}, {"Patient?identifier=s|v"}),
        ({"subject": {"identifier": {"system": "s", "value": "v"}}}, {"s|v"}),
        ({"resourceType": "Patient", "id": "p"}, {"Patient/p"}),
        ({"subject": {"display": "x"}}, set()),
        ({"subject": "x", "patient": None}, set()),
        ({}, set()),
    ],
)
def test_whom_a_bundle_is_about(resource: Json, named: set[str]) -> None:
    assert subjects({"entry": [{"resource": resource}, {"request": {"method": "DELETE"}}]}) == named
