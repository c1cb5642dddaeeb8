"""A FHIR R4 server over HTTP (https://hl7.org/fhir/R4/http.html): the port ``FhirServer`` on httpx."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from urllib.parse import urlencode

import httpx

from medie_fhir.adapters.closing import Closing
from medie_fhir.adapters.content_url import content_url
from medie_fhir.adapters.fhir_answers import JSON_TYPES, resource_of, transaction_response
from medie_fhir.adapters.fhir_pages import matches, next_link, versions, whole
from medie_fhir.adapters.fhir_wire import FHIR_JSON, Answer, Ask, FhirWire, Patience, follow
from medie_fhir.adapters.fhir_write import SingleWrite, answered
from medie_fhir.adapters.full_urls import with_full_urls
from medie_fhir.errors import (
    BrokenBase64,
    ContentForbidden,
    ContentNotFound,
    ContentTooLarge,
    FhirAnswerInvalid,
    FhirRejected,
    FhirUnavailable,
    ForbiddenUrl,
    UndecodableText,
)
from medie_fhir.fhir_names import RESOURCE_TYPES, place
from medie_fhir.model import Json
from medie_fhir.ports import Content

__all__ = ["FhirHttp", "Patience"]

_GONE = (404, 410)
_MOST_PAGES = 1000
_MOST_REDIRECTS = 3
# HAPI with its UserRequestRetryVersionConflictsInterceptor settles a conflict by itself; other servers don't look
# (https://hapifhir.io/hapi-fhir/docs/server_jpa/configuration.html#retry-on-version-conflict).
_RETRY_ON_CONFLICT = {"X-Retry-On-Version-Conflict": "retry; max-retries=3"}


class FhirHttp(Closing):
    """The port ``FhirServer``, over HTTP. An async context manager; or call ``aclose`` at the end.

    ``headers`` and ``auth`` go to the origin of ``base_url`` and to no other host, also where ``content`` fetches from
    one of ``allowed_hosts`` (``name`` or ``name:port``). What may pass by itself (no connection, a timeout, 5xx, 429)
    is tried again as ``patience`` says; what lasts is for the caller, by the error's policy. ``tls`` is the name of the
    settings that ``verify`` comes from, for errors to name.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: httpx.Auth | None = None,
        patience: Patience | None = None,
        allowed_hosts: frozenset[str] = frozenset(),
        max_content_bytes: int = 20 * 1024 * 1024,
        verify: ssl.SSLContext | bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        tls: str = "fhir.tls",
    ) -> None:
        self._base = base_url.rstrip("/")
        self._allowed_hosts = frozenset(host.lower() for host in allowed_hosts)
        self._max_content_bytes = max_content_bytes
        self._wire = FhirWire(
            self._base,
            headers=headers or {},
            auth=auth,
            patience=patience or Patience(),
            verify=verify,
            sleep=sleep,
            tls=tls,
        )

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._wire.aclose()

    async def capabilities(self) -> Json:
        """The CapabilityStatement."""
        doing = "reading the CapabilityStatement"
        answer = await self._wire.ask(Ask("GET", f"{self._base}/metadata", doing))
        return resource_of(answer.headers, answer.body, "CapabilityStatement", doing)

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """A resource, or None where there is none (404, 410, said by the FHIR server and not by a proxy)."""
        doing = f"reading a {resource_type}"
        url, needs = self._url(resource_type, resource_id), f"{resource_type}: read"
        answer = await self._wire.ask(Ask("GET", url, doing, absent=_GONE, needs=needs))
        if not answer.ok:
            return None
        resource = whole(resource_of(answer.headers, answer.body, resource_type, doing), doing)
        if resource["id"] != resource_id:
            raise FhirAnswerInvalid(
                f"{doing}: the answer is another than was asked for: see any proxy before the server"
            )
        return resource

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """All matches, over all pages, in the server's order. Raises FhirRejected for a parameter it doesn't know."""
        url = f"{self._url(resource_type)}?{urlencode(params)}"
        doing = f"searching {resource_type}"
        pages = self._pages(url, doing, needs=f"{resource_type}: search")
        return [match async for page in pages for match in matches(page, doing)]

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """All versions of a resource, newest first; empty where there is none. Deletions are not among them."""
        doing = f"reading the history of a {resource_type}"
        url, needs = f"{self._url(resource_type, resource_id)}/_history", f"{resource_type}: history"
        pages = self._pages(url, doing, absent=_GONE, needs=needs)
        return [version async for page in pages for version in versions(page, doing)]

    async def transact(self, bundle: Json) -> Json:
        """Post a transaction Bundle, all or nothing; the transaction-response. Raises FhirConflict, FhirRejected.

        Each entry goes with its ``fullUrl`` (see ``full_urls``).
        A transaction whose answer is lost (a timeout, a broken connection) may have been applied. It is sent again all
        the same where that is safe: where each entry is a PUT, a DELETE, a read or a conditional create, without
        ``ifMatch``, a second run finds what it would write and makes no new version. Such a Bundle is also sent again,
        whole, when another writer was faster (409, 412, HAPI-0550). Any other Bundle is sent once.
        """
        doing = "posting a transaction"
        sent = with_full_urls(bundle, self._base)
        try:
            data = json.dumps(sent, separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, ValueError):
            raise FhirRejected(f"{doing}: the Bundle holds what JSON can't, such as NaN; it was not sent") from None
        headers = {"Content-Type": FHIR_JSON, "Prefer": "return=minimal"}
        if not _guarded(bundle):
            headers |= _RETRY_ON_CONFLICT
        ask = Ask(
            "POST",
            self._base,
            doing,
            headers=headers,
            data=data,
            repeatable=_repeatable(bundle),
            needs=f"transaction, and create and update of {', '.join(_types(bundle))}",
            bundle=bundle,
        )
        answer = await self._wire.ask(ask)
        return transaction_response(bundle, resource_of(answer.headers, answer.body, "Bundle", doing), doing)

    async def content(self, url: str) -> Content:
        """The bytes behind a relative URL (``Binary/123``) or one under an allowed host.

        A Binary that comes as FHIR JSON is unwrapped. Raises ForbiddenUrl without contacting anyone, ContentNotFound,
        ContentForbidden (403, or no credentials for a host that is not the FHIR server's), ContentTooLarge (as soon as
        too much has come), BrokenBase64, UndecodableText, and FhirAnswerInvalid for a redirect to a host not allowed.
        What is wrong with one document's content must be that document's error: tried again, it would block all others.
        """
        doing = "fetching content"
        address = content_url(url, self._base, self._allowed_hosts)
        # Base64 in JSON takes 4 bytes for 3, and some for its frame.
        limit = self._max_content_bytes * 4 // 3 + 65536
        for _ in range(1 + _MOST_REDIRECTS):
            closed = (403,) if self._wire.is_ours(address) else (401, 403)
            ask = Ask("GET", address, doing, (*_GONE, *closed), accept="*/*", content=True, limit=limit)
            answer = await self._wire.ask(ask)
            if answer.status in _GONE:
                raise ContentNotFound(f"{doing}: HTTP {answer.status}: it is not there, or not any longer")
            if answer.status in closed:
                raise ContentForbidden(f"{doing}: HTTP {answer.status}: it is not for us to read")
            if not answer.redirects:
                return self._unwrapped(answer, doing)
            try:
                address = content_url(follow(address, answer.headers["location"]), self._base, self._allowed_hosts)
            except ForbiddenUrl:
                raise FhirAnswerInvalid(f"{doing}: a redirect to a host that is not allowed: not followed") from None
        raise FhirAnswerInvalid(f"{doing}: more than {_MOST_REDIRECTS} redirects")

    def _unwrapped(self, answer: Answer, doing: str) -> Content:
        data, content_type = answer.body, answer.headers.get("content-type")
        media_type = (content_type or "").partition(";")[0].strip().lower()
        resource_type = _resource_type(data) if media_type in JSON_TYPES else None
        if resource_type == "Binary":
            binary = resource_of(answer.headers, data, "Binary", doing)
            content_type = binary.get("contentType")
            try:
                data = base64.b64decode("".join(str(binary.get("data", "")).split()), validate=True)
            except (binascii.Error, ValueError):
                raise BrokenBase64(f"{doing}: the Binary's data is not base64") from None
        elif media_type == FHIR_JSON and resource_type is None:
            raise FhirAnswerInvalid(f"{doing}: the answer is no FHIR resource, or was cut short")
        elif media_type == "application/fhir+xml":
            raise UndecodableText(f"{doing}: the server wraps the content in FHIR XML, which is not read")
        if len(data) > self._max_content_bytes:
            raise ContentTooLarge(f"{doing}: more than {self._max_content_bytes} bytes")
        return Content(data, content_type)

    async def _pages(self, url: str, doing: str, *, needs: str, absent: tuple[int, ...] = ()) -> AsyncIterator[Json]:
        """The pages of a search or a history; none where the first is one of ``absent``."""
        seen: set[str] = set()
        while url not in seen and len(seen) < _MOST_PAGES:
            # Without no-cache, HAPI answers a repeated search from a cache for a minute, and misses fresh writes.
            headers = {"Cache-Control": "no-cache"}
            ask = Ask("GET", url, doing, absent if not seen else _GONE, headers=headers, needs=needs)
            answer = await self._wire.ask(ask)
            if not answer.ok and seen:
                raise FhirUnavailable(f"{doing}: the server has forgotten the search between two pages; search again")
            if not answer.ok:
                return
            page = resource_of(answer.headers, answer.body, "Bundle", doing)
            yield page
            seen.add(url)
            following = next_link(page, doing)
            if following is None:
                return
            if not self._wire.leads_home(url, following):
                raise FhirAnswerInvalid(f"{doing}: the next page is at another origin than the base URL: not followed")
            url = follow(url, following)
        raise FhirAnswerInvalid(f"{doing}: the pages have no end")

    async def write(self, entry: Json) -> Json:
        """Put or post one entry of a Bundle by itself, for servers without transactions; the entry that answers it.

        It is sent again as a transaction would be. Raises FhirConflict, FhirRejected.
        """
        single = SingleWrite.of(entry)
        headers = {"Content-Type": FHIR_JSON, "Prefer": "return=minimal", **single.headers}
        ask = Ask(
            single.method,
            f"{self._base}/{single.url}",
            single.doing,
            headers=headers,
            data=single.data,
            repeatable=single.repeatable,
            needs=single.needs,
            bundle=single.bundle,
        )
        answer = await self._wire.ask(ask)
        return answered(answer.status, answer.headers, answer.body, single)

    def _url(self, resource_type: str, resource_id: str | None = None) -> str:
        return f"{self._base}/{place(resource_type, resource_id)}"


def _repeatable(bundle: Json) -> bool:
    """Whether sending a Bundle twice leaves what sending it once leaves."""
    for entry in bundle.get("entry", ()):
        request = entry.get("request", {})
        if request.get("ifMatch") or (request.get("method") == "POST" and not request.get("ifNoneExist")):
            return False
    return True


def _guarded(bundle: Json) -> bool:
    """Whether a Bundle is to be written over certain versions only: tried again, it would fail the same way."""
    return any(entry.get("request", {}).get("ifMatch") for entry in bundle.get("entry", ()))


def _types(bundle: Json) -> list[str]:
    """The resource types in a Bundle: no other word of it may stand in a message."""
    return sorted(
        RESOURCE_TYPES.intersection(str(e.get("resource", {}).get("resourceType")) for e in bundle.get("entry", ()))
    )


def _resource_type(data: bytes) -> str | None:
    """The type of the FHIR resource that JSON is; None for what is none, such as a note that happens to be JSON."""
    try:
        resource = json.loads(data)
    except (ValueError, RecursionError):
        return None
    found = resource.get("resourceType") if isinstance(resource, dict) else None
    return found if isinstance(found, str) else None
