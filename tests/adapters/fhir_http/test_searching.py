"""Pages of a search, versions of a history, and a read: what is broken in them is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import Answer
from medie_fhir.errors import (
    FhirAnswerInvalid,
    FhirUnavailable,
)
from medie_fhir.model import Json

Make = Callable[..., Any]


PATIENT: Json = {"resourceType": "Patient", "id": "p1"}


SAID = "Sophonisba Vogelsang"  # stands for what no message may repeat


def outcome(diagnostics: str = SAID, **more: object) -> bytes:
    issue = {"severity": "error", "code": "processing", "diagnostics": diagnostics, **more}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


def fhir(status: int, body: bytes | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/fhir+json", **named}, outcome() if body is None else body)


def page(following: str) -> Answer:
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "next", "url": following}]}
    return fhir(200, json.dumps(bundle).encode())


async def test_a_next_page_on_another_host_is_not_followed(scripted: Make, against: Make) -> None:
    async with against(scripted(page("http://elsewhere.invalid/fhir?page=2"))) as client:
        with pytest.raises(FhirAnswerInvalid, match="another origin"):
            await client.search("Patient", {})


async def test_pages_in_a_circle_have_an_end(scripted: Make, against: Make) -> None:
    async with against(scripted(*[page("/fhir/Patient?page=2")] * 3)) as client:
        with pytest.raises(FhirAnswerInvalid, match="no end"):
            await client.search("Patient", {})


async def test_a_search_that_the_server_forgot_between_pages_is_not_cut_short(scripted: Make, against: Make) -> None:
    async with against(scripted(page("/fhir/Patient?page=2"), fhir(410))) as client:
        with pytest.raises(FhirUnavailable, match="search again"):
            await client.search("Patient", {})


async def test_a_search_gives_matches_only_and_asks_for_no_cached_answer(scripted: Make, against: Make) -> None:
    entries = [
        {"resource": PATIENT, "search": {"mode": "match"}},
        {"resource": {"resourceType": "Provenance", "id": "v"}, "search": {"mode": "include"}},
        {"resource": json.loads(outcome()), "search": {"mode": "outcome"}},
    ]
    script = scripted(fhir(200, json.dumps({"resourceType": "Bundle", "entry": entries}).encode()))

    async with against(script) as client:
        assert await client.search("Patient", {"_id": "p1"}) == [PATIENT]

    assert script.seen[0].headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "entries", [{}, ["x"], [{}], [{"resource": {"resourceType": "Patient"}}], [{"resource": {**PATIENT, "meta": 1}}]]
)
async def test_what_is_broken_in_a_page_is_not_taken_for_nothing_found(
    entries: object, scripted: Make, against: Make
) -> None:
    body = json.dumps({"resourceType": "Bundle", "entry": entries}).encode()

    async with against(scripted(fhir(200, body))) as client:
        with pytest.raises(FhirAnswerInvalid, match=r"^searching Patient: the answer holds"):
            await client.search("Patient", {})


async def test_a_broken_version_is_told(scripted: Make, against: Make) -> None:
    body = b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"}}]}'

    async with against(scripted(fhir(200, body))) as client:
        with pytest.raises(FhirAnswerInvalid, match=r"^reading the history of a Patient: the answer holds"):
            await client.history("Patient", "p1")


@pytest.mark.parametrize("given", [{}, {"id": 1}, {"id": "p2"}, {"id": "p1", "meta": []}])
async def test_a_read_gives_the_resource_that_was_asked_for_or_none(given: Json, scripted: Make, against: Make) -> None:
    body = json.dumps({"resourceType": "Patient", **given}).encode()

    async with against(scripted(fhir(200, body))) as client:
        with pytest.raises(FhirAnswerInvalid, match=r"^reading a Patient: the answer") as caught:
            await client.read("Patient", "p1")

    assert "p2" not in str(caught.value)
