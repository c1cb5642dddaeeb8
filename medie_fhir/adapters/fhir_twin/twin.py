"""A FHIR R4 server in pure Python for demos and tests: the port ``FhirServer`` on a store of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from medie_fhir.adapters.content_url import content_url
from medie_fhir.adapters.fhir_answers import error_of, resource_of, transaction_response
from medie_fhir.adapters.fhir_pages import matches, next_link, versions
from medie_fhir.adapters.fhir_twin.exchange import Answer, Request
from medie_fhir.adapters.fhir_twin.profile import Profile
from medie_fhir.adapters.fhir_twin.rest import Rest
from medie_fhir.adapters.fhir_twin.store import Store
from medie_fhir.adapters.fhir_write import SingleWrite, answered
from medie_fhir.errors import ContentNotFound, FhirRejected
from medie_fhir.fhir_names import place
from medie_fhir.model import Json
from medie_fhir.ports import Content

__all__ = ["FhirTwin"]

_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_FHIR_JSON = {"content-type": "application/fhir+json", "accept": "application/fhir+json"}


class FhirTwin:
    """A small FHIR server with the behaviour of HAPI, measured against a real one (see docs/fhir-server.md).

    Kept in memory, or in one SQLite file at ``path``. Safe for threads. Its methods are those of the port; each makes
    the request that an HTTP client would make, so that this way and the one over HTTP can't differ. ``base_url`` is
    where it is served, if it is (``FhirTwinServer`` sees to that). ``profile`` says what it refuses; by default,
    nothing.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        profile: Profile | None = None,
    ) -> None:
        self._store = Store(path)
        self._now = now
        self._profile = profile or Profile()
        self._base = "http://twin.invalid/fhir"
        self._rest = Rest(self._store, self._base, now, self._profile)

    def serve_at(self, base_url: str) -> None:
        """Says under which base URL it is reached: that stands in its links."""
        self._base = base_url
        self._rest = Rest(self._store, base_url, self._now, self._profile)

    def answer(self, request: Request) -> Answer:
        """The answer to an HTTP request."""
        return self._rest.answer(request)

    def current(self, resource_type: str | None = None) -> list[Json]:
        """All resources as they are now, of one type or of all, oldest first; without the deleted ones."""
        with self._store.lock:
            return self._store.bodies(resource_type)

    def count_versions(self) -> int:
        """How many versions have been written in all, deletions included: unchanged, if nothing was changed."""
        with self._store.lock:
            return self._store.count_versions()

    def close(self) -> None:
        """Closes the store; one in memory is lost."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def aclose(self) -> None:
        """The same, for those who close what they have opened without asking what it is."""
        self.close()

    async def capabilities(self) -> Json:
        """The CapabilityStatement, which says that this is a twin."""
        return (
            self._resource(Request("GET", "metadata"), "CapabilityStatement", "reading the CapabilityStatement") or {}
        )

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """A resource, or None where there is none, or none any longer."""
        request = Request("GET", place(resource_type, resource_id), headers=_FHIR_JSON)
        return self._resource(request, resource_type, f"reading a {resource_type}", _GONE)

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """All matches, oldest first. Raises FhirRejected for a parameter it doesn't know."""
        request = Request("GET", place(resource_type), tuple(params.items()))
        doing = f"searching {resource_type}"
        return [match for page in self._pages(request, doing) for match in matches(page, doing)]

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """All versions of a resource, newest first; empty where there is none. Deletions are not among them."""
        request = Request("GET", f"{place(resource_type, resource_id)}/_history")
        doing = f"reading the history of a {resource_type}"
        return [version for page in self._pages(request, doing, _GONE) for version in versions(page, doing)]

    async def transact(self, bundle: Json) -> Json:
        """Runs a transaction Bundle, all or nothing; the transaction-response. Raises FhirConflict, FhirRejected.

        Or a batch, each entry by itself; the batch-response.
        """
        doing = "posting a transaction"
        try:
            data = json.dumps(bundle, allow_nan=False).encode()
        except (TypeError, ValueError):
            raise FhirRejected(f"{doing}: the Bundle holds what JSON can't, such as NaN; it was not sent") from None
        request = Request("POST", headers=_FHIR_JSON, body=data)
        answered = self._resource(request, "Bundle", doing, bundle=bundle)
        return transaction_response(bundle, answered or {}, doing)

    async def write(self, entry: Json) -> Json:
        """Runs one entry of a Bundle, a PUT or a POST, by itself; the entry that answers it, without the resource."""
        single = SingleWrite.of(entry)
        path, _, query = single.url.partition("?")
        headers = {**_FHIR_JSON, **{name.lower(): value for name, value in single.headers.items()}}
        pairs = tuple(parse_qsl(query, keep_blank_values=True))
        answer = self.answer(Request(single.method, path, pairs, headers, single.data))
        return answered(answer.status, answer.headers, answer.body, single)

    async def content(self, url: str) -> Content:
        """The bytes of one of its own Binaries (``Binary/123``). Raises ForbiddenUrl for any other host."""
        doing = "fetching content"
        answer = self.answer(_below(self._base, content_url(url, self._base, frozenset()), {"accept": "*/*"}))
        if answer.status in _GONE:
            raise ContentNotFound(f"{doing}: HTTP {answer.status}: it is not there, or not any longer")
        if answer.status != HTTPStatus.OK:
            raise error_of(answer.status, answer.headers, answer.body, doing)
        return Content(answer.body, answer.headers.get("content-type"))

    def _resource(
        self, request: Request, wanted: str, doing: str, absent: tuple[int, ...] = (), *, bundle: Json | None = None
    ) -> Json | None:
        answer = self.answer(request)
        if answer.status in absent:
            return None
        if answer.status != HTTPStatus.OK:
            raise error_of(answer.status, answer.headers, answer.body, doing, bundle=bundle)
        return resource_of(answer.headers, answer.body, wanted, doing)

    def _pages(self, request: Request, doing: str, absent: tuple[int, ...] = ()) -> Iterator[Json]:
        page = self._resource(request, "Bundle", doing, absent)
        while page is not None:
            yield page
            following = next_link(page, doing)
            if following is None:
                return
            page = self._resource(_below(self._base, following, {}), "Bundle", doing)


def _below(base_url: str, url: str, headers: Mapping[str, str]) -> Request:
    """A GET of a URL under the base URL."""
    parts = urlsplit(url)
    path = parts.path.removeprefix(urlsplit(base_url).path).strip("/")
    return Request("GET", path, tuple(parse_qsl(parts.query, keep_blank_values=True)), headers)
