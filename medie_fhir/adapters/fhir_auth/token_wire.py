"""One exchange with a token server, or with a FHIR server's discovery document, bounded in time and size."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from medie_fhir.adapters.fhir_tls import tls_trouble
from medie_fhir.errors import FhirAnswerInvalid, FhirError, FhirNotTrusted, FhirThrottled, FhirUnavailable

__all__ = ["Said", "TokenWire"]

_MOST_BYTES = 1024 * 1024
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Said:
    """A status and a JSON object; ``fields`` is empty where the body is none. It may hold a token: not in ``repr``."""

    status: int
    fields: dict[str, Any] = field(repr=False)


class TokenWire:
    """Sends requests whose content and answer nobody else may see. ``tls``: the settings to look at where TLS fails."""

    def __init__(self, verify: ssl.SSLContext | bool, tls: str) -> None:
        # Made once: to load the world's CAs holds up the loop for tens of milliseconds.
        self._verify = httpx.create_ssl_context(trust_env=False) if verify is True else verify
        self._tls = tls

    async def exchange(self, who: str, request: httpx.Request, auth: httpx.Auth | None = None) -> Said:
        """The answer of any status that is no outage.

        Raises FhirUnavailable (no answer, 408, 5xx), FhirThrottled (429), FhirNotTrusted, and FhirAnswerInvalid for
        what no JSON server says: a redirect is not followed, for it could lead a secret elsewhere.
        """
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                httpx.AsyncClient(verify=self._verify, timeout=_TIMEOUT_S, trust_env=False) as client,
            ):
                response = await client.send(request, auth=auth, stream=True)
                body = await _read(response, who)
        except (httpx.TimeoutException, TimeoutError):
            raise FhirUnavailable(f"{who}: no answer within {_TIMEOUT_S:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            if wrong := tls_trouble(error, self._tls):
                raise FhirNotTrusted(f"{who}: {wrong}") from None
            # Its text may quote what was sent: only its kind is told.
            raise FhirUnavailable(f"{who}: no connection, or a broken one ({type(error).__name__})") from None
        if refusal := _refusal(response, who):
            raise refusal
        return Said(response.status_code, _fields(body))


async def _read(response: httpx.Response, who: str) -> bytes:
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise FhirAnswerInvalid(f"{who}: the answer is larger than {_MOST_BYTES} bytes")
    finally:
        await response.aclose()
    return bytes(body)


def _refusal(response: httpx.Response, who: str) -> FhirError | None:
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        wait = response.headers.get("retry-after", "")
        return FhirThrottled(f"{who}: HTTP 429: too many requests", float(wait) if wait.isdecimal() else None)
    if status == httpx.codes.REQUEST_TIMEOUT or response.is_server_error:
        return FhirUnavailable(f"{who}: HTTP {status}: it has no answer at present")
    if response.has_redirect_location:
        host = urlsplit(response.headers["location"]).hostname or "another path"
        return FhirAnswerInvalid(f"{who}: HTTP {status}: a redirect to {host}: not followed")
    return None


def _fields(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
