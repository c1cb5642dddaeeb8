"""The terminology server that the settings name, opened: login, certificates, kept answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from medie_fhir.adapters.fhir_auth import auth_of, tls_context
from medie_fhir.adapters.fhir_wire import Patience
from medie_fhir.adapters.terminology_cached import CachedTerminology
from medie_fhir.adapters.terminology_http import TerminologyHttp
from medie_fhir.adapters.terminology_watched import WatchedTerminology
from medie_fhir.errors import SettingsError
from medie_fhir.settings import Settings, TerminologySettings

__all__ = ["AskedTerminology", "open_terminology"]


class AskedTerminology(WatchedTerminology):
    """The server, counted and kept. ``http`` is the server itself, whose being there may be asked for."""

    def __init__(self, http: TerminologyHttp, kept: CachedTerminology, *, required: bool) -> None:
        super().__init__(kept, required=required)
        self.http = http


@asynccontextmanager
async def open_terminology(settings: Settings, fields: Collection[str]) -> AsyncIterator[AskedTerminology | None]:
    """The server to be asked; None where the settings name none. ``fields``: the task's.

    Raises SettingsError; nobody is asked anything before the first value.
    """
    asked = settings.terminology_server
    if asked.base_url is None:
        yield None
        return
    if unknown := sorted(asked.fields.keys() - set(fields)):
        raise SettingsError(f"terminology_server.fields: the task has no such: {', '.join(unknown)}")
    http = _http(asked, asked.base_url)
    kept = CachedTerminology(http, seconds=asked.cache_seconds, entries=asked.cache_entries)
    try:
        yield AskedTerminology(http, kept, required=asked.required)
    finally:
        await kept.aclose()
        await http.aclose()


def _http(asked: TerminologySettings, base_url: str) -> TerminologyHttp:
    verify = tls_context(asked.tls, "terminology_server.tls")
    auth = auth_of(asked.auth, base_url, token=asked.token, verify=verify, where="terminology_server.auth")
    return TerminologyHttp(
        base_url,
        asked.fields,
        auth=auth,
        verify=verify,
        patience=Patience(timeout=asked.timeout_seconds, attempts=asked.attempts),
        concurrency=asked.concurrency,
    )
