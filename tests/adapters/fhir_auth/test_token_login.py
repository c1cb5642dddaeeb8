"""Tokens are asked for as rarely as can be, and a request waits for one only where there is none."""

from __future__ import annotations

import asyncio

import pytest

from medie_fhir.adapters.fhir_auth import auth_of, prove
from medie_fhir.adapters.fhir_auth.token_login import TokenLogin
from medie_fhir.adapters.fhir_twin.exchange import Answer
from medie_fhir.errors import FhirUnauthorized, FhirUnavailable


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def login(room, registered, clock):
    """A login to the token server, by a clock that we set."""
    return TokenLogin(auth_of(registered(), room.base_url)._grants, monotonic=clock)


async def arrival(tokens):
    assert await asyncio.to_thread(tokens.arrived.acquire, timeout=20)


async def test_many_requests_at_once_ask_for_one_token(room, registered, login):
    room.tokens.gate.clear()
    async with room.client(registered(), auth=login) as client:
        reads = asyncio.gather(*(client.read("Patient", "p1") for _ in range(40)))
        await arrival(room.tokens)
        room.tokens.gate.set()
        assert await reads == [None] * 40
        await client.read("Patient", "p1")
    assert len(room.tokens.asked) == 1


async def test_a_token_is_renewed_ahead_and_nobody_waits_for_it(room, registered, login, clock):
    async with room.client(registered(), auth=login) as client:
        await client.read("Patient", "p1")
        clock.now += 239  # of 300 seconds; the last minute is spare
        await client.read("Patient", "p1")
        assert len(room.tokens.asked) == 1
        clock.now += 2
        room.tokens.gate.clear()
        await asyncio.gather(*(client.read("Patient", "p1") for _ in range(20)))
        await arrival(room.tokens)
        await arrival(room.tokens)
        room.tokens.gate.set()
        renewed = await login._renewal
        assert renewed.good_until == clock.now + 300
        clock.now += 100
        room.tokens.good = {renewed.token}
        await client.read("Patient", "p1")
    assert len(room.tokens.asked) == 2


async def test_a_short_lived_token_keeps_a_fifth_of_its_life_as_spare(room, registered, login, clock):
    room.tokens.life_s = "10"
    async with room.client(registered(), auth=login) as client:
        await client.read("Patient", "p1")
        clock.now += 7.9
        await client.read("Patient", "p1")
        assert login._renewal.done()
        clock.now += 0.2
        await client.read("Patient", "p1")
        await login._renewal
    assert len(room.tokens.asked) == 2


async def test_a_token_server_that_is_away_is_not_felt_until_the_token_ends(room, registered, login, clock):
    async with room.client(registered(), auth=login) as client:
        await client.read("Patient", "p1")
        room.tokens.status = 503
        clock.now += 250
        for _ in range(5):
            await client.read("Patient", "p1")
            await asyncio.wait([login._renewal])
        assert len(room.tokens.asked) == 2
        clock.now += 5
        await client.read("Patient", "p1")
        await asyncio.wait([login._renewal])
        assert len(room.tokens.asked) == 3
        clock.now += 45
        with pytest.raises(FhirUnavailable, match="HTTP 503"):
            await client.read("Patient", "p1")
        room.tokens.status = None
        await client.read("Patient", "p1")


async def test_a_revoked_token_is_renewed_once_for_all(room, registered, login):
    async with room.client(registered(), auth=login) as client:
        await client.read("Patient", "p1")
        room.tokens.good.clear()
        assert await asyncio.gather(*(client.read("Patient", "p1") for _ in range(20))) == [None] * 20
    assert len(room.tokens.asked) == 2


async def test_a_refusal_without_an_end_is_not_read_before_the_new_token_is_sent(room, registered, login):
    async with asyncio.timeout(10), room.client(registered(), auth=login) as client:
        await client.read("Patient", "p1")
        room.tokens.good.clear()
        room.tokens.refusal = Answer(401, {"content-length": "99999999"}, b"x" * 100_000)
        assert await client.read("Patient", "p1") is None
    assert len(room.tokens.asked) == 2


async def test_a_second_refusal_is_told(room, registered, login):
    class Nothing(set):
        def __contains__(self, token):
            return False

    room.tokens.good = Nothing()
    async with room.client(registered(), auth=login, attempts=3) as client:
        with pytest.raises(FhirUnauthorized, match="401"):
            await client.read("Patient", "p1")
    assert len(room.tokens.asked) == 2


async def test_a_transaction_is_sent_whole_again_after_a_refusal(room, registered, login):
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": {"resourceType": "Patient", "id": "p1", "active": True},
                "request": {"method": "PUT", "url": "Patient/p1"},
            }
        ],
    }
    async with room.client(registered(), auth=login) as client:
        await client.read("Patient", "p1")
        room.tokens.good.clear()
        await client.transact(bundle)
        found = await client.read("Patient", "p1")
    assert found is not None
    assert found["active"] is True


async def test_a_request_that_gives_up_does_not_end_the_renewal_for_others(room, registered, login):
    room.tokens.gate.clear()
    async with room.client(registered(), auth=login) as client:
        first, second = (asyncio.create_task(client.read("Patient", "p1")) for _ in range(2))
        await arrival(room.tokens)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        room.tokens.gate.set()
        assert await second is None
    assert len(room.tokens.asked) == 1


async def test_a_failed_renewal_is_told_to_all_who_wait_and_tried_anew_by_the_next(room, registered, login):
    room.tokens.status = 503
    async with room.client(registered(), auth=login) as client:
        reads = [client.read("Patient", "p1") for _ in range(10)]
        told = await asyncio.gather(*reads, return_exceptions=True)
        assert {type(error) for error in told} == {FhirUnavailable}
        asked = len(room.tokens.asked)
        room.tokens.status = None
        assert await client.read("Patient", "p1") is None
    assert len(room.tokens.asked) == asked + 1


async def test_prove_tells_what_is_granted_and_the_token_is_used(room, registered, login):
    assert await prove(login) == "client-credentials as medie, scope not told, for 300 s"
    async with room.client(registered(), auth=login) as client:
        await client.read("Patient", "p1")
    assert len(room.tokens.asked) == 1
    assert "s3ntinel" not in repr(login._held)
