"""The content behind a URL: from whom it is asked for, and what is none."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import Answer
from medie_fhir.errors import (
    BrokenBase64,
    ContentForbidden,
    ContentNotFound,
    ContentTooLarge,
    FhirAnswerInvalid,
    ForbiddenUrl,
    MedieError,
    Policy,
    UndecodableText,
)

Make = Callable[..., Any]


SAID = "Sophonisba Vogelsang"  # stands for what no message may repeat


def outcome(diagnostics: str = SAID, **more: object) -> bytes:
    issue = {"severity": "error", "code": "processing", "diagnostics": diagnostics, **more}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


def fhir(status: int, body: bytes | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/fhir+json", **named}, outcome() if body is None else body)


def html(status: int = 200) -> Answer:
    return Answer(status, {"content-type": "text/html"}, f"<html>{SAID}</html>".encode())


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest", "https://elsewhere.invalid/x", "file:///etc/passwd", "//elsewhere.invalid/x", ""],
)
async def test_content_of_a_host_that_is_not_allowed_is_not_asked_for(url: str, scripted: Make, against: Make) -> None:
    script = scripted()

    async with against(script) as client:
        with pytest.raises(ForbiddenUrl):
            await client.content(url)

    assert script.seen == []


async def test_content_is_not_redirected_to_a_host_that_is_not_allowed(scripted: Make, against: Make) -> None:
    script = scripted(fhir(302, location="http://elsewhere.invalid/note"))

    async with against(script) as client:
        with pytest.raises(FhirAnswerInvalid, match="not followed"):
            await client.content("Binary/b1")

    assert len(script.seen) == 1


async def test_content_follows_a_redirect_on_its_own_host_but_not_for_ever(scripted: Make, against: Make) -> None:
    text = Answer(200, {"content-type": "text/plain"}, b"note")

    async with against(
        scripted(fhir(302, location="/fhir/Binary/b2"), text, *[fhir(307, location="b3")] * 9)
    ) as client:
        assert (await client.content("Binary/b1")).data == b"note"
        with pytest.raises(FhirAnswerInvalid, match="more than 3 redirects"):
            await client.content("Binary/b1")


@pytest.mark.parametrize("media_type", ["application/fhir+json", "application/json; charset=utf-8"])
async def test_a_binary_in_json_is_unwrapped(media_type: str, scripted: Make, against: Make) -> None:
    data = base64.b64encode(b"note").decode()
    binary = {"resourceType": "Binary", "contentType": "text/html", "data": f"{data[:4]}\n{data[4:]}"}

    async with against(scripted(Answer(200, {"content-type": media_type}, json.dumps(binary).encode()))) as client:
        content = await client.content("Binary/b1")

    assert content.data == b"note"
    assert content.content_type == "text/html"


async def test_json_that_is_no_binary_is_content_like_any_other(scripted: Make, against: Make) -> None:
    async with against(scripted(Answer(200, {"content-type": "application/json"}, b'{"a": 1}'))) as client:
        assert (await client.content("Binary/b1")).data == b'{"a": 1}'


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (fhir(200, b'{"resourceType":"Binary","data":"=="}'), BrokenBase64),
        (Answer(200, {"content-type": "application/fhir+xml"}, b"<Binary/>"), UndecodableText),
        (fhir(403), ContentForbidden),
        (html(403), ContentForbidden),
    ],
)
async def test_content_that_can_not_be_had_is_its_own_document_s_error(
    answer: Answer, error: type[MedieError], scripted: Make, against: Make
) -> None:
    async with against(scripted(answer)) as client:
        with pytest.raises(error) as caught:
            await client.content("Binary/b1")

    assert caught.value.policy is Policy.DEAD_LETTER


async def test_content_cut_short_is_asked_for_again(scripted: Make, against: Make) -> None:
    async with against(scripted(fhir(200, b'{"resourceType":"Binary","da'))) as client:
        with pytest.raises(FhirAnswerInvalid) as caught:
            await client.content("Binary/b1")

    assert caught.value.policy is Policy.RETRY


async def test_a_resource_that_is_no_binary_comes_as_it_is(scripted: Make, against: Make) -> None:
    document = b'{"resourceType":"DocumentReference","id":"d1"}'

    async with against(scripted(fhir(200, document))) as client:
        assert (await client.content("Binary/b1")).data == document


async def test_too_much_content_is_refused(scripted: Make, against: Make) -> None:
    exact, more = (Answer(200, {"content-type": "text/plain"}, b"x" * size) for size in (1000, 1001))

    async with against(scripted(exact, more), max_content_bytes=1000) as client:
        assert len((await client.content("Binary/b1")).data) == 1000
        with pytest.raises(ContentTooLarge):
            await client.content("Binary/b1")


@pytest.mark.parametrize(
    "headers", [{"transfer-encoding": "chunked"}, {"content-length": "99999999"}], ids=["no length told", "a length"]
)
async def test_far_too_much_content_is_refused_before_its_end(
    headers: dict[str, str], scripted: Make, against: Make
) -> None:
    unfinished = Answer(200, {"content-type": "text/plain", **headers}, b"186a0\r\n" + b"x" * 100_000)

    async with against(scripted(unfinished), max_content_bytes=1000) as client:
        with pytest.raises(ContentTooLarge):
            await client.content("Binary/b1")


@pytest.mark.parametrize("status", [404, 410])
async def test_content_that_is_gone(status: int, scripted: Make, against: Make) -> None:
    async with against(scripted(html(status))) as client:
        with pytest.raises(ContentNotFound):
            await client.content("Binary/b1")
