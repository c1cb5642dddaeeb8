"""A login by short-lived tokens: kept, renewed ahead of their end, and one renewal for all requests in flight."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

import httpx
from pydantic import SecretStr

from medie_fhir.adapters.fhir_auth.login import Login, leave_unread

__all__ = ["Grant", "Grants", "TokenLogin"]

_SPARE = 0.2  # of a token's life, and no more than a minute: then the next request begins to renew it
_PAUSE_S = 5.0  # between attempts to renew a token that is still good


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token server gave: the token, its life in seconds, the scope (as told, for people to read)."""

    token: SecretStr
    life_s: float
    scope: str | None


class Grants(Protocol):
    """Whoever gives tokens. ``name`` says as whom we ask."""

    name: str

    async def grant(self) -> Grant:
        """A new token. Raises FhirError, of the class that says whether to try again."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    token: str = field(repr=False)
    renew_at: float
    good_until: float


class TokenLogin(Login):
    """Bearer tokens from ``grants``, for one event loop.

    A token in its last fifth is renewed beside the requests, which go on with the old one: that a token server is
    away for a moment is felt by nobody. A request that is refused (401) is sent once more with a new token, for tokens
    can be revoked and servers' clocks differ; the second refusal is the caller's.
    """

    def __init__(self, grants: Grants, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._grants = grants
        self._now = monotonic
        self._held: _Held | None = None
        self._renewal: asyncio.Task[_Held] | None = None
        self._not_before = float("-inf")

    async def prove(self) -> str:
        """Who we are and what a token server grants us, asked now. Raises as the token server's answer says."""
        begun = self._now()
        grant = await self._grants.grant()
        self._hold(grant, begun)
        return f"{self._grants.name}, scope {grant.scope or 'not told'}, for {grant.life_s:g} s"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The request with a token; once again with a new one where it is refused."""
        sent = await self._good()
        request.headers["Authorization"] = f"Bearer {sent}"
        response = yield request
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            leave_unread(response)
            request.headers["Authorization"] = f"Bearer {await self._other_than(sent)}"
            yield request

    async def _good(self) -> str:
        held, now = self._held, self._now()
        if held is None or now >= held.good_until:
            return (await self._renewed()).token
        if now >= max(held.renew_at, self._not_before):
            self._not_before = now + _PAUSE_S
            self._begin()
        return held.token

    async def _other_than(self, refused: str) -> str:
        """A token that was not refused: the one that another request has got meanwhile, or a new one."""
        held = self._held
        return (held if held is not None and held.token != refused else await self._renewed()).token

    async def _renewed(self) -> _Held:
        """The outcome of the one renewal that is under way. A request that gives up doesn't end it for the others."""
        return await asyncio.shield(self._begin())

    def _begin(self) -> asyncio.Task[_Held]:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(_seen)
        return self._renewal

    async def _renew(self) -> _Held:
        begun = self._now()
        return self._hold(await self._grants.grant(), begun)

    def _hold(self, grant: Grant, begun: float) -> _Held:
        spare = min(60.0, grant.life_s * _SPARE)
        held = _Held(grant.token.get_secret_value(), begun + grant.life_s - spare, begun + grant.life_s)
        self._held = held
        return held


def _seen(renewal: asyncio.Task[_Held]) -> None:
    """A failed renewal that nobody waited for is no news: the token is still good, and the next one may succeed."""
    if not renewal.cancelled():
        renewal.exception()
