"""The HTTP client where servers, networks and events are at their worst. What goes well: fhir_contract/."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import socket
import socketserver
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from medie_fhir.adapters.fhir_http import FhirHttp, Patience
from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer, Request
from medie_fhir.errors import (
    BrokenBase64,
    ContentForbidden,
    ContentNotFound,
    ContentTooLarge,
    FhirAnswerInvalid,
    FhirConflict,
    FhirError,
    FhirForbidden,
    FhirRejected,
    FhirThrottled,
    FhirUnauthorized,
    FhirUnavailable,
    FhirUnfit,
    ForbiddenUrl,
    MedieError,
    Policy,
    UndecodableText,
)
from medie_fhir.model import Json
from medie_fhir.telemetry import passing_on

PATIENT: Json = {"resourceType": "Patient", "id": "p1"}
BUNDLE: Json = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [{"resource": PATIENT, "request": {"method": "PUT", "url": "Patient/p1"}}],
}
SAID = "Sophonisba Vogelsang"  # stands for what no message may repeat


def outcome(diagnostics: str = SAID, **more: object) -> bytes:
    issue = {"severity": "error", "code": "processing", "diagnostics": diagnostics, **more}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


def fhir(status: int, body: bytes | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/fhir+json", **named}, outcome() if body is None else body)


def html(status: int = 200) -> Answer:
    return Answer(status, {"content-type": "text/html"}, f"<html>{SAID}</html>".encode())


class Script:
    """Gives its answers one after the other; None, and whatever comes after the last, is for the twin."""

    def __init__(self, *answers: Answer | Callable[[], Answer | None] | None) -> None:
        self.answers = list(answers)
        self.seen: list[Request] = []

    def __call__(self, request: Request) -> Answer | None:
        self.seen.append(request)
        answer = self.answers.pop(0) if self.answers else None
        return answer() if callable(answer) else answer


class Waits:
    """Takes the place of sleep: keeps how long it was asked to wait, and doesn't."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def against(script: Script, *, patience: Patience | None = None, **options: object) -> AsyncIterator[FhirHttp]:
    options.setdefault("sleep", Waits())
    with FhirTwin() as twin, FhirTwinServer(twin, fault=script) as server:
        async with FhirHttp(server.base_url, patience=patience or Patience(timeout=10), **options) as client:  # type: ignore[arg-type]
            yield client


def broken() -> None:
    raise ConnectionResetError


@pytest.mark.parametrize(
    ("answer", "expected", "attempts"),
    [
        (fhir(401), FhirUnauthorized, 1),
        (fhir(403), FhirForbidden, 1),
        (html(403), FhirForbidden, 1),
        (fhir(400), FhirRejected, 1),
        (fhir(404), FhirRejected, 1),
        (fhir(410), FhirRejected, 1),
        (fhir(413), FhirRejected, 1),
        (fhir(422), FhirRejected, 1),
        (fhir(405), FhirUnfit, 1),
        (fhir(501), FhirUnfit, 1),
        (fhir(400, outcome("HAPI-0960: clients may only assign IDs with a non-digit")), FhirRejected, 1),
        (fhir(404, outcome("HAPI-0959: No resource exists, and client-assigned IDs are not enabled.")), FhirUnfit, 1),
        (fhir(409), FhirConflict, 3),
        (fhir(412), FhirConflict, 3),
        (fhir(412, outcome("HAPI-0958: 2 match")), FhirRejected, 1),
        (fhir(412, outcome(code="multiple-matches")), FhirRejected, 1),
        (fhir(500, outcome("HAPI-0550: HAPI-0825: constraint")), FhirConflict, 3),
        (fhir(429), FhirThrottled, 3),
        (fhir(503, retry_after="1"), FhirThrottled, 3),
        (fhir(503), FhirUnavailable, 3),
        (fhir(500), FhirUnavailable, 3),
        (fhir(502, b""), FhirUnavailable, 3),
        (html(502), FhirUnavailable, 3),
        (html(404), FhirAnswerInvalid, 1),
        (html(400), FhirAnswerInvalid, 1),
        (html(413), FhirRejected, 1),
        (Answer(422, {"content-type": "text/plain"}, SAID.encode()), FhirRejected, 1),
        (fhir(201), FhirAnswerInvalid, 1),
        (fhir(202, b""), FhirAnswerInvalid, 1),
        (fhir(204, b""), FhirAnswerInvalid, 1),
        (fhir(200, outcome()), FhirAnswerInvalid, 1),
        (fhir(308, location="https://elsewhere.invalid/"), FhirAnswerInvalid, 1),
        (fhir(302, location="http://["), FhirAnswerInvalid, 1),
        (html(), FhirAnswerInvalid, 1),
        (fhir(200, b"{"), FhirAnswerInvalid, 1),
        (fhir(200, b"\xff\xfe"), FhirAnswerInvalid, 1),
        (fhir(200, b"[]"), FhirAnswerInvalid, 1),
        (fhir(200, b'{"resourceType":"Patient"}'), FhirAnswerInvalid, 1),
        (fhir(200, b'{"resourceType":"Bundle","type":"searchset"}'), FhirAnswerInvalid, 1),
        (fhir(302, location="https://login.invalid/"), FhirAnswerInvalid, 1),
    ],
)
async def test_what_an_answer_to_a_transaction_means(answer: Answer, expected: type[FhirError], attempts: int) -> None:
    script = Script(*[answer] * 5)

    async with against(script, patience=Patience(attempts=3)) as client:
        with pytest.raises(FhirError) as caught:
            await client.transact(BUNDLE)

    assert type(caught.value) is expected
    assert len(script.seen) == attempts


@pytest.mark.parametrize("answer", [html(404), fhir(302, location="/elsewhere"), html()])
async def test_a_wrong_address_is_not_taken_for_an_absent_resource(answer: Answer) -> None:
    async with against(Script(*[answer] * 3)) as client:
        for asked in (client.read("Patient", "p1"), client.search("Patient", {}), client.history("Patient", "p1")):
            with pytest.raises(FhirAnswerInvalid):
                await asked


async def test_a_short_trouble_is_waited_out_as_the_server_asks() -> None:
    waits = Waits()
    script = Script(fhir(429, retry_after="7"), fhir(503, retry_after="10"), fhir(500))

    async with against(script, sleep=waits) as client:
        response = await client.transact(BUNDLE)

    assert response["entry"][0]["response"]["status"] == "201 Created"
    assert waits.seconds[:2] == [7.0, 10.0]
    assert 0 <= waits.seconds[2] <= 2.0


async def test_a_date_in_retry_after_is_read_by_the_servers_clock() -> None:
    waits = Waits()
    later, now = "Wed, 21 Oct 2015 07:28:05 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"

    async with against(Script(fhir(429, retry_after=later, date=now)), sleep=waits) as client:
        await client.capabilities()

    assert waits.seconds == [5.0]


async def test_a_longer_wait_is_told_at_once_and_not_tried_away() -> None:
    waits = Waits()
    async with against(Script(*[fhir(429, retry_after="120")] * 2), sleep=waits) as client:
        with pytest.raises(FhirThrottled) as caught:
            await client.transact(BUNDLE)

    assert caught.value.retry_after == 120.0
    assert waits.seconds == []


async def test_a_server_that_hangs_is_unavailable() -> None:
    release = threading.Event()

    def hang() -> None:
        release.wait(30)

    try:
        async with against(Script(hang, hang), patience=Patience(timeout=0.2, attempts=2)) as client:
            with pytest.raises(FhirUnavailable, match=r"no answer within 0\.2 s"):
                await client.transact(BUNDLE)
            release.set()
    finally:
        release.set()


async def test_a_transaction_whose_answer_was_lost_is_sent_again_and_changes_nothing() -> None:
    with FhirTwin() as twin:

        def applied_and_lost() -> None:
            twin.answer(script.seen[-1])
            raise ConnectionResetError

        script = Script(applied_and_lost)
        with FhirTwinServer(twin, fault=script) as server:
            async with FhirHttp(server.base_url) as client:
                response = await client.transact(BUNDLE)

        assert response["entry"][0]["response"]["status"] == "200 OK"
        assert twin.count_versions() == 1


@pytest.mark.parametrize(
    "request_", [{"method": "POST", "url": "Patient"}, {"method": "PUT", "url": "Patient/p1", "ifMatch": 'W/"1"'}]
)
@pytest.mark.parametrize("answer", [broken, fhir(409), fhir(500)])
async def test_what_can_not_be_repeated_is_sent_once(
    request_: Json, answer: Answer | Callable[[], Answer | None]
) -> None:
    script = Script(answer)

    async with against(script) as client:
        with pytest.raises((FhirUnavailable, FhirConflict)):
            await client.transact({**BUNDLE, "entry": [{"resource": PATIENT, "request": request_}]})

    assert len(script.seen) == 1


async def test_a_connection_that_broke_while_idle_costs_no_attempt() -> None:
    with FhirTwin() as twin, FhirTwinServer(twin) as server:
        async with FhirHttp(server.base_url, patience=Patience(attempts=1)) as client:
            await client.transact(BUNDLE)
            server.drop_connections()
            assert await client.read("Patient", "p1") is not None


async def test_a_guarded_transaction_is_not_sent_over_a_connection_that_the_server_has_closed() -> None:
    entry = {"resource": PATIENT, "request": {"method": "PUT", "url": "Patient/p1", "ifMatch": 'W/"1"'}}
    with FhirTwin() as twin, FhirTwinServer(twin) as server:
        async with FhirHttp(server.base_url, patience=Patience(attempts=1)) as client:
            await client.transact(BUNDLE)
            server.drop_connections()
            response = await client.transact({**BUNDLE, "entry": [entry]})

    assert response["entry"][0]["response"]["status"] == "200 OK"


async def test_a_connection_that_breaks_twice_is_unavailable() -> None:
    script = Script(broken, broken)

    async with against(script, patience=Patience(attempts=1)) as client:
        with pytest.raises(FhirUnavailable):
            await client.read("Patient", "p1")

    assert len(script.seen) == 2


async def test_nobody_at_the_address_is_unavailable() -> None:
    with FhirTwin() as twin, FhirTwinServer(twin) as server:
        address = server.base_url
    async with FhirHttp(address, patience=Patience(attempts=2), sleep=Waits()) as client:
        with pytest.raises(FhirUnavailable, match="ConnectError"):
            await client.capabilities()


def page(following: str) -> Answer:
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "next", "url": following}]}
    return fhir(200, json.dumps(bundle).encode())


async def test_a_next_page_on_another_host_is_not_followed() -> None:
    async with against(Script(page("http://elsewhere.invalid/fhir?page=2"))) as client:
        with pytest.raises(FhirAnswerInvalid, match="another origin"):
            await client.search("Patient", {})


async def test_pages_in_a_circle_have_an_end() -> None:
    async with against(Script(*[page("/fhir/Patient?page=2")] * 3)) as client:
        with pytest.raises(FhirAnswerInvalid, match="no end"):
            await client.search("Patient", {})


async def test_a_search_that_the_server_forgot_between_pages_is_not_cut_short() -> None:
    async with against(Script(page("/fhir/Patient?page=2"), fhir(410))) as client:
        with pytest.raises(FhirUnavailable, match="search again"):
            await client.search("Patient", {})


async def test_a_search_gives_matches_only_and_asks_for_no_cached_answer() -> None:
    entries = [
        {"resource": PATIENT, "search": {"mode": "match"}},
        {"resource": {"resourceType": "Provenance", "id": "v"}, "search": {"mode": "include"}},
        {"resource": json.loads(outcome()), "search": {"mode": "outcome"}},
    ]
    script = Script(fhir(200, json.dumps({"resourceType": "Bundle", "entry": entries}).encode()))

    async with against(script) as client:
        assert await client.search("Patient", {"_id": "p1"}) == [PATIENT]

    assert script.seen[0].headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "entries", [{}, ["x"], [{}], [{"resource": {"resourceType": "Patient"}}], [{"resource": {**PATIENT, "meta": 1}}]]
)
async def test_what_is_broken_in_a_page_is_not_taken_for_nothing_found(entries: object) -> None:
    body = json.dumps({"resourceType": "Bundle", "entry": entries}).encode()

    async with against(Script(fhir(200, body))) as client:
        with pytest.raises(FhirAnswerInvalid, match=r"^searching Patient: the answer holds"):
            await client.search("Patient", {})


async def test_a_broken_version_is_told() -> None:
    body = b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"}}]}'

    async with against(Script(fhir(200, body))) as client:
        with pytest.raises(FhirAnswerInvalid, match=r"^reading the history of a Patient: the answer holds"):
            await client.history("Patient", "p1")


@pytest.mark.parametrize("given", [{}, {"id": 1}, {"id": "p2"}, {"id": "p1", "meta": []}])
async def test_a_read_gives_the_resource_that_was_asked_for_or_none(given: Json) -> None:
    body = json.dumps({"resourceType": "Patient", **given}).encode()

    async with against(Script(fhir(200, body))) as client:
        with pytest.raises(FhirAnswerInvalid, match=r"^reading a Patient: the answer") as caught:
            await client.read("Patient", "p1")

    assert "p2" not in str(caught.value)


async def test_credentials_stay_with_the_fhir_server() -> None:
    script, elsewhere = Script(), Script(Answer(200, {"content-type": "text/plain"}, b"note"))
    with FhirTwin() as other, FhirTwinServer(other, fault=elsewhere) as files:
        host = files.base_url.removeprefix("http://").removesuffix("/fhir")
        headers, auth = {"X-Key": "secret"}, httpx.BasicAuth("user", "secret")
        async with against(script, allowed_hosts=frozenset({host}), headers=headers, auth=auth) as client:
            await client.capabilities()
            content = await client.content(f"http://{host}/note.txt")

    assert content.data == b"note"
    assert script.seen[0].headers["x-key"] == "secret"
    assert script.seen[0].headers["authorization"].startswith("Basic ")
    assert not {"x-key", "authorization"} & set(elsewhere.seen[0].headers)


async def test_the_trace_goes_on_to_the_fhir_server_and_to_no_one_else() -> None:
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "site=1"}
    script, elsewhere = Script(), Script(Answer(200, {"content-type": "text/plain"}, b"note"))
    with FhirTwin() as other, FhirTwinServer(other, fault=elsewhere) as files:
        host = files.base_url.split("/")[2]
        async with against(script, allowed_hosts=frozenset({host})) as client:
            with passing_on(trace):
                await client.transact(BUNDLE)
                await client.content(f"{files.base_url}/Binary/b1")
            await client.read("Patient", "p1")

    assert trace.items() <= script.seen[0].headers.items()
    assert not trace.keys() & script.seen[1].headers.keys()
    assert not trace.keys() & elsewhere.seen[0].headers.keys()


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest", "https://elsewhere.invalid/x", "file:///etc/passwd", "//elsewhere.invalid/x", ""],
)
async def test_content_of_a_host_that_is_not_allowed_is_not_asked_for(url: str) -> None:
    script = Script()

    async with against(script) as client:
        with pytest.raises(ForbiddenUrl):
            await client.content(url)

    assert script.seen == []


async def test_content_is_not_redirected_to_a_host_that_is_not_allowed() -> None:
    script = Script(fhir(302, location="http://elsewhere.invalid/note"))

    async with against(script) as client:
        with pytest.raises(FhirAnswerInvalid, match="not followed"):
            await client.content("Binary/b1")

    assert len(script.seen) == 1


async def test_content_follows_a_redirect_on_its_own_host_but_not_for_ever() -> None:
    text = Answer(200, {"content-type": "text/plain"}, b"note")

    async with against(Script(fhir(302, location="/fhir/Binary/b2"), text, *[fhir(307, location="b3")] * 9)) as client:
        assert (await client.content("Binary/b1")).data == b"note"
        with pytest.raises(FhirAnswerInvalid, match="more than 3 redirects"):
            await client.content("Binary/b1")


@pytest.mark.parametrize("media_type", ["application/fhir+json", "application/json; charset=utf-8"])
async def test_a_binary_in_json_is_unwrapped(media_type: str) -> None:
    data = base64.b64encode(b"note").decode()
    binary = {"resourceType": "Binary", "contentType": "text/html", "data": f"{data[:4]}\n{data[4:]}"}

    async with against(Script(Answer(200, {"content-type": media_type}, json.dumps(binary).encode()))) as client:
        content = await client.content("Binary/b1")

    assert content.data == b"note"
    assert content.content_type == "text/html"


async def test_json_that_is_no_binary_is_content_like_any_other() -> None:
    async with against(Script(Answer(200, {"content-type": "application/json"}, b'{"a": 1}'))) as client:
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
async def test_content_that_can_not_be_had_is_its_own_document_s_error(answer: Answer, error: type[MedieError]) -> None:
    async with against(Script(answer)) as client:
        with pytest.raises(error) as caught:
            await client.content("Binary/b1")

    assert caught.value.policy is Policy.DEAD_LETTER


async def test_what_is_closed_to_us_is_this_record_s_error_and_says_what_to_grant() -> None:
    def said(error: FhirForbidden) -> str:
        assert error.policy is Policy.DEAD_LETTER
        assert SAID not in str(error)
        return str(error)

    stranger = {"resource": {"resourceType": SAID, "id": "x"}, "request": {"method": "PUT", "url": "x"}}
    async with against(Script(*[fhir(403)] * 4)) as client:
        with pytest.raises(FhirForbidden) as transaction:
            await client.transact({**BUNDLE, "entry": [*BUNDLE["entry"], stranger]})
        with pytest.raises(FhirForbidden) as read:
            await client.read("Device", "d1")
        with pytest.raises(FhirForbidden) as search:
            await client.search("Provenance", {"entity": "DocumentReference/d1"})
        with pytest.raises(FhirForbidden) as history:
            await client.history("Patient", "p1")

    assert "grant our user or token transaction, and create and update of Patient," in said(transaction.value)
    assert "Device: read" in said(read.value)
    assert "Provenance: search" in said(search.value)
    assert "Patient: history" in said(history.value)


async def test_content_cut_short_is_asked_for_again() -> None:
    async with against(Script(fhir(200, b'{"resourceType":"Binary","da'))) as client:
        with pytest.raises(FhirAnswerInvalid) as caught:
            await client.content("Binary/b1")

    assert caught.value.policy is Policy.RETRY


async def test_a_missing_login_at_our_own_server_is_no_document_s_error() -> None:
    async with against(Script(fhir(401))) as client:
        with pytest.raises(FhirUnauthorized):
            await client.content("Binary/b1")


async def test_a_resource_that_is_no_binary_comes_as_it_is() -> None:
    document = b'{"resourceType":"DocumentReference","id":"d1"}'

    async with against(Script(fhir(200, document))) as client:
        assert (await client.content("Binary/b1")).data == document


async def test_too_much_content_is_refused() -> None:
    exact, more = (Answer(200, {"content-type": "text/plain"}, b"x" * size) for size in (1000, 1001))

    async with against(Script(exact, more), max_content_bytes=1000) as client:
        assert len((await client.content("Binary/b1")).data) == 1000
        with pytest.raises(ContentTooLarge):
            await client.content("Binary/b1")


@pytest.mark.parametrize(
    "headers", [{"transfer-encoding": "chunked"}, {"content-length": "99999999"}], ids=["no length told", "a length"]
)
async def test_far_too_much_content_is_refused_before_its_end(headers: dict[str, str]) -> None:
    unfinished = Answer(200, {"content-type": "text/plain", **headers}, b"186a0\r\n" + b"x" * 100_000)

    async with against(Script(unfinished), max_content_bytes=1000) as client:
        with pytest.raises(ContentTooLarge):
            await client.content("Binary/b1")


@pytest.mark.parametrize("status", [404, 410])
async def test_content_that_is_gone(status: int) -> None:
    async with against(Script(html(status))) as client:
        with pytest.raises(ContentNotFound):
            await client.content("Binary/b1")


@asynccontextmanager
async def speaking(*said: bytes, hangs_up: bool = True, seconds: float = 10) -> AsyncIterator[FhirHttp]:
    """Against a server that says these bytes, one after the other, then hangs up or says no more."""
    left = list(said)

    class Speaker(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.connection.settimeout(10)
            with suppress(OSError):
                while self.rfile.readline().strip():
                    pass
                self.connection.sendall(left.pop(0) if left else b"")
                if hangs_up:
                    self.connection.shutdown(socket.SHUT_WR)
                self.rfile.read()  # until the client has had enough

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Speaker) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            base, patience = f"http://127.0.0.1:{server.server_address[1]}/fhir", Patience(timeout=seconds, attempts=1)
            async with FhirHttp(base, patience=patience, sleep=Waits()) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()


JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\n"
METADATA = b'{"resourceType":"CapabilityStatement"}'
SIZED = b"content-length: %d\r\n\r\n%s"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (JSON_HEAD + SIZED % (999, METADATA), FhirUnavailable),
        (JSON_HEAD + SIZED % (5, METADATA), FhirAnswerInvalid),
        (JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\n{", FhirUnavailable),
        (JSON_HEAD + b"content-encoding: gzip\r\n" + SIZED % (len(METADATA), METADATA), FhirAnswerInvalid),
        (JSON_HEAD + b"content-length: 99999999999\r\n\r\n{", FhirAnswerInvalid),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", FhirUnavailable),
        (b"HTTP/1.1 204 No Content\r\n\r\n", FhirAnswerInvalid),
        (b"SSH-2.0-OpenSSH_9.2\r\n", FhirUnavailable),
        (b"", FhirUnavailable),
    ],
    ids=["cut off", "too short a length", "chunks cut off", "no gzip", "endless", "101", "204", "not HTTP", "nothing"],
)
async def test_a_broken_answer_is_never_taken_for_one(said: bytes, error: type[FhirError]) -> None:
    async with speaking(said, said) as client:
        with pytest.raises(error) as caught:
            await client.capabilities()

    assert type(caught.value) is error
    assert caught.value.policy is Policy.RETRY


@pytest.mark.parametrize(
    "said",
    [
        JSON_HEAD + b"content-encoding: gzip\r\n" + SIZED % (len(gzip.compress(METADATA)), gzip.compress(METADATA)),
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + JSON_HEAD + SIZED % (len(METADATA), METADATA),
        JSON_HEAD + b"\r\n" + METADATA,
    ],
    ids=["gzip though not asked for", "a hint before", "no length"],
)
async def test_what_is_odd_but_whole_is_an_answer(said: bytes) -> None:
    async with speaking(said) as client:
        assert (await client.capabilities())["resourceType"] == "CapabilityStatement"


async def test_an_answer_that_does_not_end_has_an_end() -> None:
    async with speaking(JSON_HEAD + b"\r\n{", hangs_up=False, seconds=0.2) as client:
        with pytest.raises(FhirUnavailable, match=r"no answer within 0\.2 s"):
            await client.capabilities()


async def test_a_redirect_takes_no_credentials_to_another_host() -> None:
    elsewhere = Script()
    with FhirTwin() as other, FhirTwinServer(other, fault=elsewhere) as stranger:
        script = Script(fhir(308, location=f"{stranger.base_url}/Patient/p1"))
        async with against(script, headers={"X-Key": "secret"}) as client:
            with pytest.raises(FhirAnswerInvalid, match=r"no credentials went there.*set fhir\.base_url"):
                await client.read("Patient", "p1")

    assert elsewhere.seen == []


@pytest.mark.parametrize(("if_match", "asked"), [({}, "retry; max-retries=3"), ({"ifMatch": 'W/"1"'}, None)])
async def test_a_server_is_asked_to_settle_conflicts_itself_unless_a_version_is_meant(
    if_match: Json, asked: str | None
) -> None:
    script = Script()
    request = {"method": "PUT", "url": "Patient/p1", **if_match}
    async with against(script) as client:
        with suppress(FhirError):
            await client.transact({**BUNDLE, "entry": [{"resource": PATIENT, "request": request}]})

    assert script.seen[0].headers.get("x-retry-on-version-conflict") == asked


async def test_the_entry_at_fault_is_named_with_its_id() -> None:
    identity = "00000000-0000-0000-0000-000000000001"
    condition = {"resourceType": "Condition", "id": identity, "subject": {"reference": "Patient/p9"}}
    entry = {"resource": condition, "request": {"method": "PUT", "url": f"Condition/{identity}"}}

    async with against(Script()) as client:
        with pytest.raises(FhirRejected, match=f"missing Patient; entry 1, Condition/{identity}"):
            await client.transact({**BUNDLE, "entry": [*BUNDLE["entry"], entry]})


async def test_nothing_that_a_server_says_of_a_patient_reaches_a_message_or_a_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="medie_fhir")
    caplog.set_level(logging.DEBUG, logger="tenacity")
    leaky = outcome(
        f"HAPI-1821: Invalid attribute value '{SAID}'", expression=[f"Patient.where(name='{SAID}')", "Patient.name[0]"]
    )
    missing = outcome(f"HAPI-1094: Resource {SAID}/1 not found, HAPI-1094: Resource Patient/p9 not found, specified")
    answers = [fhir(400, leaky), fhir(400, missing), fhir(200, f'{{"{SAID}'.encode()), html(404), fhir(500, leaky)]
    answers += [Answer(400, {"content-type": "application/json"}, json.dumps([SAID]).encode())]
    messages = []

    async with against(Script(*answers), patience=Patience(attempts=1)) as client:
        for _ in answers:
            with pytest.raises(FhirError) as caught:
                await client.transact(BUNDLE)
            messages += traceback.format_exception(caught.value)

    told = "".join(messages) + caplog.text
    assert "Sophonisba" not in told
    assert "Vogelsang" not in told
    assert "HAPI-1821; at Patient.name[0]" in told
    assert "missing Patient" in told
    assert "p9" not in told
