"""Basic and bearer: what goes into the header, and a token's file that something else renews."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from pydantic import SecretStr

from medie_fhir.adapters.fhir_auth.login import Basic, Bearer, RotatingBearer, prove
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.adapters.fhir_twin.exchange import Answer
from medie_fhir.errors import FhirUnauthorized, SettingsError


@pytest.fixture
def door():
    """A FHIR server that lets in whoever's header is among ``good``, and keeps what it was sent."""

    class Door:
        good: set[str]
        sent: list[str]
        base_url: str
        refusal = Answer(401)

        def fault(self, request):
            self.sent.append(request.headers.get("authorization", ""))
            return None if self.sent[-1] in self.good else self.refusal

    door = Door()
    door.good, door.sent = set(), []
    with FhirTwin() as twin, FhirTwinServer(twin, fault=door.fault) as server:
        door.base_url = server.base_url
        yield door


async def test_user_and_password_go_with_each_request(door, fhir_client):
    door.good = {"Basic bWVkaWU6cMOkc3M6d29yZA=="}
    async with fhir_client(door.base_url, Basic("medie", SecretStr("päss:word"))) as client:
        assert await client.read("Patient", "p1") is None
    assert await prove(Basic("medie", SecretStr("x"))) == "basic as medie"


async def test_a_token_goes_with_each_request_and_a_wrong_one_is_refused(door, fhir_client):
    door.good = {"Bearer abc"}
    async with fhir_client(door.base_url, Bearer(SecretStr("abc"))) as client:
        assert await client.read("Patient", "p1") is None
    async with fhir_client(door.base_url, Bearer(SecretStr("s3ntinel"))) as client:
        with pytest.raises(FhirUnauthorized) as caught:
            await client.read("Patient", "p1")
    assert "s3ntinel" not in str(caught.value)
    assert len(door.sent) == 2


async def test_a_renewed_file_is_read_again(door, fhir_client, tmp_path):
    file = tmp_path / "token"
    file.write_text("one\n")
    door.good = {"Bearer one"}
    async with fhir_client(door.base_url, RotatingBearer(file, "x")) as client:
        await client.read("Patient", "p1")
        (tmp_path / "new").write_text("two")
        (tmp_path / "new").replace(file)  # as Kubernetes does
        door.good = {"Bearer two"}
        await client.read("Patient", "p1")
    assert door.sent == ["Bearer one", "Bearer two"]


async def test_a_file_that_looks_unchanged_is_looked_into_after_a_refusal(door, fhir_client, tmp_path):
    file = tmp_path / "token"
    file.write_text("one")
    auth = RotatingBearer(file, "x")
    file.write_text("two")
    auth._seen = (file.stat().st_ino, file.stat().st_mtime_ns, file.stat().st_size)
    door.good = {"Bearer two"}
    async with fhir_client(door.base_url, auth) as client:
        await client.read("Patient", "p1")
        assert door.sent == ["Bearer one", "Bearer two"]
        door.good = set()
        with pytest.raises(FhirUnauthorized):
            await client.read("Patient", "p1")
    assert door.sent == ["Bearer one", "Bearer two", "Bearer two"]


async def test_a_refusal_without_an_end_is_not_read_before_the_other_token_is_sent(door, fhir_client, tmp_path):
    door.refusal = Answer(401, {"content-length": "99999999"}, b"x" * 100_000)
    file = tmp_path / "token"
    file.write_text("one")
    auth = RotatingBearer(file, "x")
    file.write_text("two")
    auth._seen = (file.stat().st_ino, file.stat().st_mtime_ns, file.stat().st_size)
    door.good = {"Bearer two"}
    async with asyncio.timeout(10), fhir_client(door.base_url, auth) as client:
        assert await client.read("Patient", "p1") is None
    assert door.sent == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("broken", [None, b"", b" \n", b"a b", b"\xff\xfe", b"a\nb"])
async def test_while_the_file_holds_no_token_the_last_one_goes_on(door, fhir_client, tmp_path, broken):
    file = tmp_path / "token"
    file.write_text("one")
    auth = RotatingBearer(file, "x")
    if broken is None:
        file.unlink()
    else:
        file.write_bytes(broken)
    door.good = {"Bearer one"}
    async with fhir_client(door.base_url, auth) as client:
        await client.read("Patient", "p1")
        file.write_text("three")
        door.good = {"Bearer three"}
        await client.read("Patient", "p1")
    assert door.sent == ["Bearer one", "Bearer three"]


@pytest.mark.parametrize("content", [None, b"", b"s3ntinel s3ntinel"])
def test_a_file_without_a_token_is_told_at_the_start(tmp_path, content):
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(SettingsError, match=r"^fhir\.auth\.token_file: .*token: holds no token") as caught:
        RotatingBearer(tmp_path / "token", "fhir.auth.token_file")
    assert "s3ntinel" not in str(caught.value)


async def test_no_login_is_told_as_such():
    assert await prove(None) == "no login"
    assert await prove(Bearer(SecretStr("s3ntinel"))) == "bearer, with a token that stays"


def test_a_synchronous_client_is_refused_and_never_sends_without_the_login():
    sent = []
    client = httpx.Client(auth=Bearer(SecretStr("abc")), transport=httpx.MockTransport(sent.append))
    with client, pytest.raises(NotImplementedError):
        client.get("http://127.0.0.1/")
    assert sent == []
