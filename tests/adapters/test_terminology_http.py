"""The terminology server's client over real HTTP: what goes out, what comes back, what can go wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer, Request
from medie_fhir.adapters.fhir_wire import Patience
from medie_fhir.adapters.terminology_http import TerminologyHttp
from medie_fhir.errors import (
    Policy,
    TerminologyError,
    TerminologyRefused,
    TerminologyRejected,
    TerminologyThrottled,
    TerminologyUnavailable,
)
from medie_fhir.settings import TerminologyQuestion

SNOMED, WORDS, SITE = "http://snomed.info/sct", "http://example.org/words", "http://example.org/cs"
MAP, SET = "http://example.org/cm", "http://example.org/vs"
QUESTIONS = {
    "cancer_type": TerminologyQuestion(operation="translate", system=WORDS, concept_map=MAP),
    "stage": TerminologyQuestion(operation="validate-code", system=SITE, value_set=SET),
    "gene_mutation": TerminologyQuestion(operation="lookup", system=SITE, role="gene"),
}
SAID = "qwolvarcoma"  # stands for what no URL and no message may hold
LUNG = (SNOMED, "363358000", "Malignant tumor of lung", "equivalent")


async def no_wait(seconds: float) -> None:
    del seconds


@asynccontextmanager
async def client(base_url: str, **more: Any) -> AsyncIterator[TerminologyHttp]:
    given = {"patience": Patience(timeout=5, attempts=2), "sleep": no_wait} | more
    server = TerminologyHttp(base_url, QUESTIONS, **given)
    try:
        yield server
    finally:
        await server.aclose()


def outcome(status: int, code: str = "processing", **headers: str) -> Answer:
    issue = {"severity": "error", "code": code, "diagnostics": SAID}
    body = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()
    return Answer(status, {"content-type": "application/fhir+json", **headers}, body)


async def test_a_word_is_translated(terminology):
    terminology.words = {SAID: [LUNG]}
    async with client(terminology.base_url) as server:
        concept = await server.code("cancer_type", SAID)
    assert concept is not None
    assert concept.key == f"{SNOMED}|363358000"
    assert [c.code for c in concept.codings["code"]] == ["363358000"]
    assert concept.match == "synonym"
    assert concept.row == f"{terminology.base_url}/ConceptMap/$translate {MAP}"
    assert server.worked == 1


async def test_a_code_is_validated_and_looked_up(terminology):
    terminology.codes = {"BRAF": "B-Raf"}
    async with client(terminology.base_url) as server:
        valid = await server.code("stage", "BRAF")
        known = await server.code("gene_mutation", "BRAF")
    assert valid is not None
    assert known is not None
    assert (valid.match, valid.row) == ("rule", f"{terminology.base_url}/ValueSet/$validate-code {SET}")
    assert (known.match, known.row) == ("rule", f"{terminology.base_url}/CodeSystem/$lookup {SITE}")
    assert list(known.codings) == ["gene"]
    assert valid.codings["code"][0].display == "B-Raf"


async def test_what_the_server_does_not_know_is_none(terminology):
    async with client(terminology.base_url) as server:
        assert [await server.code(field, SAID) for field in QUESTIONS] == [None, None, None]
    assert server.worked == 3


async def test_a_field_without_a_question_is_not_asked(terminology):
    async with client(terminology.base_url) as server:
        assert await server.code("response", SAID) is None
        assert await server.code("stage", "  ") is None
    assert terminology.asked == []


async def test_the_value_is_in_the_body_alone(terminology, caplog):
    caplog.set_level(logging.DEBUG)
    async with client(terminology.base_url) as server:
        for field in QUESTIONS:
            await server.code(field, SAID)
    assert terminology.values == [SAID] * 3
    for request in terminology.requests:
        assert (request.method, request.query) == ("POST", ())
        assert SAID not in request.path
        assert SAID not in str(request.headers)
    assert SAID not in caplog.text


@pytest.mark.parametrize(
    ("answer", "kind", "policy"),
    [
        (outcome(500), TerminologyUnavailable, Policy.RETRY),
        (Answer(200, {"content-type": "text/html"}, b"<html>"), TerminologyUnavailable, Policy.RETRY),
        (Answer(404, {"content-type": "text/html"}, b"<html>"), TerminologyUnavailable, Policy.RETRY),
        (Answer(200, {"content-type": "application/fhir+json"}, b"{"), TerminologyUnavailable, Policy.RETRY),
        (outcome(429, **{"retry-after": "60"}), TerminologyThrottled, Policy.RETRY),
        (outcome(400), TerminologyRejected, Policy.DEAD_LETTER),
        (outcome(404), TerminologyRejected, Policy.DEAD_LETTER),
        (outcome(422), TerminologyRejected, Policy.DEAD_LETTER),
        (outcome(401), TerminologyRefused, Policy.STOP),
        (outcome(403), TerminologyRefused, Policy.STOP),
        (outcome(400, "not-supported"), TerminologyRefused, Policy.STOP),
        (outcome(501), TerminologyRefused, Policy.STOP),
    ],
)
async def test_every_failure_is_of_this_server_and_repeats_nothing_of_the_value(terminology, answer, kind, policy):
    terminology.away = answer
    async with client(terminology.base_url) as server:
        with pytest.raises(TerminologyError) as caught:
            await server.code("cancer_type", SAID)
    assert (type(caught.value), caught.value.policy) == (kind, policy)
    assert "terminology" in str(caught.value)
    assert SAID not in str(caught.value)
    assert server.worked == 0


async def test_what_is_throttled_says_for_how_long(terminology):
    terminology.away = outcome(429, **{"retry-after": "60"})
    async with client(terminology.base_url) as server:
        with pytest.raises(TerminologyThrottled) as caught:
            await server.code("cancer_type", SAID)
    assert caught.value.retry_after == 60


async def test_what_may_pass_is_tried_again(terminology):
    terminology.away = outcome(503)

    async def mended(seconds: float) -> None:
        del seconds
        terminology.away = None

    terminology.words = {SAID: [LUNG]}
    async with client(terminology.base_url, sleep=mended) as server:
        assert await server.code("cancer_type", SAID) is not None
    assert len(terminology.asked) == 2


async def test_an_answer_without_end_is_cut_off(terminology):
    terminology.away = Answer(200, {"content-type": "application/fhir+json"}, b" " * 2_000_000)
    async with client(terminology.base_url) as server:
        with pytest.raises(TerminologyUnavailable, match="more than 1048576 bytes"):
            await server.code("cancer_type", SAID)


async def test_a_probe_hears_whether_it_is_there(terminology):
    async with client(terminology.base_url) as server:
        await server.probe()
        terminology.away = outcome(503)
        with pytest.raises(TerminologyUnavailable):
            await server.probe()
    async with client("http://127.0.0.1:9/fhir") as nobody:
        with pytest.raises(TerminologyUnavailable):
            await nobody.probe()


async def test_as_many_are_asked_at_once_as_may_be_and_no_more():
    pairs, guard = threading.Barrier(2, timeout=10), threading.Lock()
    running = most = 0

    def answer(request: Request) -> Answer | None:
        nonlocal running, most
        del request
        with guard:
            running += 1
            most = max(most, running)
        pairs.wait()  # goes on when a second one is here, too
        with guard:
            running -= 1
        return Answer(200, {"content-type": "application/fhir+json"}, b'{"resourceType": "Parameters"}')

    with FhirTwin() as twin, FhirTwinServer(twin, fault=answer) as stub:
        async with client(stub.base_url, concurrency=2) as server:
            await asyncio.gather(*(server.code("cancer_type", f"{SAID} {n}") for n in range(8)))
    assert most == 2


CONTENT = [
    {
        "resourceType": "CodeSystem",
        "id": "medie-terms-cs",
        "url": SITE,
        "status": "active",
        "content": "complete",
        "caseSensitive": True,
        "concept": [{"code": "BRAF", "display": "B-Raf"}],
    },
    {
        "resourceType": "ValueSet",
        "id": "medie-terms-vs",
        "url": SET,
        "status": "active",
        "compose": {"include": [{"system": SITE}]},
    },
    {
        "resourceType": "ConceptMap",
        "id": "medie-terms-cm",
        "url": MAP,
        "status": "active",
        "sourceUri": f"{WORDS}-vs",
        "targetUri": f"{SNOMED}?fhir_vs",
        "group": [
            {
                "source": WORDS,
                "target": SNOMED,
                "element": [
                    {"code": word, "target": [{"code": code, "display": display, "equivalence": same}]}
                    for word, (_, code, display, same) in {"ca pulm": LUNG, "chest": (*LUNG[:3], "wider")}.items()
                ],
            }
        ],
    },
]


@pytest.mark.fhir
async def test_a_real_server_translates_validates_and_looks_up(fhir_address: str) -> None:
    async with httpx.AsyncClient(timeout=60) as http:
        for resource in CONTENT:
            place = f"{fhir_address}/{resource['resourceType']}/{resource['id']}"
            (await http.put(place, json=resource)).raise_for_status()
    async with client(fhir_address, patience=Patience(timeout=60)) as server:
        await server.probe()
        assert await server.missing() == ()
        lung = await server.code("cancer_type", "ca  pulm")
        assert lung is not None
        assert (lung.key, lung.match) == (f"{SNOMED}|363358000", "synonym")
        for field in ("stage", "gene_mutation"):
            gene = await server.code(field, "BRAF")
            assert gene is not None
            assert gene.key == f"{SITE}|BRAF"
            assert [c.display for codings in gene.codings.values() for c in codings] == ["B-Raf"]
        assert await server.code("cancer_type", "chest") is None
        assert [await server.code(field, SAID) for field in QUESTIONS] == [None, None, None]
