"""Requests to a FHIR server and what can go wrong with them: attempts, waits, bounds, credentials."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urljoin

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from medie_fhir.adapters.content_url import origin
from medie_fhir.adapters.fhir_answers import error_of, redirected
from medie_fhir.adapters.fhir_body import ENCODING, BodyBroken, BodyTooLarge, whole_body
from medie_fhir.adapters.fhir_tls import tls_trouble
from medie_fhir.errors import (
    ContentTooLarge,
    FhirAnswerInvalid,
    FhirConflict,
    FhirNotTrusted,
    FhirRejected,
    FhirThrottled,
    FhirUnavailable,
    ForbiddenUrl,
)
from medie_fhir.model import Json
from medie_fhir.telemetry import trace_headers

__all__ = ["FHIR_JSON", "Answer", "Ask", "FhirWire", "Patience", "follow"]

FHIR_JSON = "application/fhir+json"

_MOST_ANSWER_BYTES = 64 * 1024 * 1024  # a broken server shall not fill our memory; no page of ours comes near it
# A kept connection is given up before the server closes it: Jetty, under HAPI, does after 30 s, proxies after 15 to 75.
# Were it closed while a request sets out, nobody could tell whether it was read. One that is seen to be closed is not
# used again in any case.
_IDLE = 5.0
_BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try. Times are in seconds.

    ``timeout`` bounds one attempt as a whole, and no other begins after it: a server that hangs is told of after one.
    ``attempts`` are all attempts, the first one included. Between them goes
    a random wait whose bound doubles from ``backoff``, or the server's Retry-After; none is over ``longest_wait``.
    """

    timeout: float = 30.0
    attempts: int = 4
    backoff: float = 0.25
    longest_wait: float = 10.0


@dataclass(frozen=True, slots=True)
class Ask:
    """A request.

    ``doing`` says what it is for, and ``needs`` what must be granted for it, without ids or values: they stand in error
    messages.
    ``absent``: the statuses that mean "nothing there" and are given back like 200. ``content``: any bytes are fine,
    redirects are given back, and more than ``limit`` bytes are ContentTooLarge. ``repeatable``: may be sent twice.
    ``bundle``: what ``data`` holds, so that an error can name the entry at fault.
    What may hold a patient's data is left out of the ``repr``, which tracebacks with local variables show.
    """

    method: str
    url: str = field(repr=False)
    doing: str
    absent: tuple[int, ...] = ()
    accept: str = FHIR_JSON
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    data: bytes | None = field(default=None, repr=False)
    content: bool = False
    limit: int = _MOST_ANSWER_BYTES
    repeatable: bool = True
    needs: str = "this interaction"
    bundle: Json | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether it is what was asked for."""
        return self.status in (HTTPStatus.OK, HTTPStatus.CREATED)  # the second to a POST or a PUT of one resource

    @property
    def redirects(self) -> bool:
        """Whether it points elsewhere."""
        return self.status in (301, 302, 303, 307, 308) and "location" in self.headers


class FhirWire:
    """Sends requests; knows which of them go to the FHIR server itself, for only these carry credentials and trace."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        auth: httpx.Auth | None,
        patience: Patience,
        verify: ssl.SSLContext | bool,
        sleep: Callable[[float], Awaitable[None]],
        tls: str = "fhir.tls",
    ) -> None:
        self._origin = origin(base_url)
        self._headers = dict(headers)
        self._auth = auth
        self._patience = patience
        self._backoff = wait_random_exponential(multiplier=patience.backoff, max=patience.longest_wait)
        self._sleep = sleep
        self._tls = tls
        # No proxy or .netrc of the environment: where patients' facts go is said by the settings alone.
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=_IDLE)
        self._client = httpx.AsyncClient(timeout=patience.timeout, verify=verify, trust_env=False, limits=limits)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    def is_ours(self, url: str) -> bool:
        """Whether a URL is of the FHIR server's own origin."""
        try:
            return origin(url) == self._origin
        except ForbiddenUrl:
            return False

    def leads_home(self, url: str, reference: str) -> bool:
        """Whether a redirect or a link at ``url`` stays with the FHIR server's own origin."""
        try:
            return self.is_ours(follow(url, reference))
        except ForbiddenUrl:
            return False

    async def ask(self, ask: Ask) -> Answer:
        """An answer of status 200, 201 or of one of ``ask.absent``, after as many attempts as it needs and may have.

        Raises the error that any other answer, or none, stands for.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception(self._may_pass),
            stop=stop_after_attempt(self._patience.attempts if ask.repeatable else 1)
            | stop_after_delay(self._patience.timeout),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        return await retrying(self._attempt, ask)

    def _may_pass(self, error: BaseException) -> bool:
        """Whether trying again here may help; one that asks for a longer wait than ours is for the caller to heed."""
        if isinstance(error, FhirThrottled):
            return (error.retry_after or 0.0) <= self._patience.longest_wait
        return isinstance(error, (FhirUnavailable, FhirConflict))

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, FhirThrottled) and error.retry_after is not None:
            return min(error.retry_after, self._patience.longest_wait)
        return float(self._backoff(state))

    async def _attempt(self, ask: Ask) -> Answer:
        try:
            async with asyncio.timeout(self._patience.timeout):
                answer = await self._exchange_again(ask)
        except (TimeoutError, httpx.TimeoutException):
            raise FhirUnavailable(f"{ask.doing}: no answer within {self._patience.timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # TLS 1.3's late alerts come as SSLError itself
            if wrong := tls_trouble(error, self._tls):
                raise FhirNotTrusted(f"{ask.doing}: {wrong}") from None
            # Its text may hold the URL, and that a patient's identifier: only its kind is told.
            raise FhirUnavailable(f"{ask.doing}: no connection, or a broken one ({type(error).__name__})") from None
        if answer.ok or (ask.content and answer.redirects):
            return answer
        if answer.redirects:
            home = self.leads_home(ask.url, answer.headers["location"])
            raise redirected(answer.status, ask.doing, elsewhere=not home)
        refusal = error_of(answer.status, answer.headers, answer.body, ask.doing, ask.needs, bundle=ask.bundle)
        # A proxy's or a wrong address's 404 must not read as "there is no such resource".
        said_by_the_server = ask.content or not answer.body or isinstance(refusal, FhirRejected)
        if answer.status in ask.absent and said_by_the_server:
            return answer
        raise refusal

    async def _exchange_again(self, ask: Ask) -> Answer:
        try:
            return await self._exchange(ask)
        except _BROKEN:
            # Most often a kept-alive connection that the server closed in this moment: a new one, once and at once.
            if not ask.repeatable:
                raise
            return await self._exchange(ask)

    async def _exchange(self, ask: Ask) -> Answer:
        ours = self.is_ours(ask.url)
        headers = {
            "Accept": ask.accept,
            "Accept-Encoding": ENCODING,
            **({**trace_headers(), **self._headers} if ours else {}),
            **ask.headers,
        }
        request = self._client.build_request(ask.method, ask.url, headers=headers, content=ask.data)
        response = await self._client.send(request, auth=self._auth if ours else None, stream=True)
        try:
            body = await whole_body(response, ask.limit)
        except BodyTooLarge:
            raise _too_large(ask) from None
        except BodyBroken:
            raise FhirAnswerInvalid(f"{ask.doing}: the answer is compressed, and can't be unpacked") from None
        finally:
            await response.aclose()
        return Answer(response.status_code, dict(response.headers), body)


def follow(url: str, reference: str) -> str:
    """The URL that a ``Location`` or a link at ``url`` leads to. Raises ForbiddenUrl for what can't be read."""
    try:
        return urljoin(url, reference)
    except ValueError:
        raise ForbiddenUrl("a redirect or link that can't be read") from None


def _too_large(ask: Ask) -> ContentTooLarge | FhirAnswerInvalid:
    message = f"{ask.doing}: more than {ask.limit} bytes"
    return ContentTooLarge(message) if ask.content else FhirAnswerInvalid(message)
