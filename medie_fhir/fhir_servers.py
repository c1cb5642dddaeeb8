"""The FHIR servers that the settings name, or what is written to in their place: login, certificates, abilities."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx

from medie_fhir.adapters.bundle_files import BundleFiles
from medie_fhir.adapters.fhir_auth import auth_of, prove, tls_context
from medie_fhir.adapters.fhir_http import FhirHttp
from medie_fhir.adapters.fhir_strategies import NEEDED, Adapting, adapted
from medie_fhir.adapters.fhir_wire import Patience
from medie_fhir.adapters.ndjson_files import NdjsonFiles
from medie_fhir.adapters.out_folder import fit
from medie_fhir.adapters.shadow import Shadow
from medie_fhir.adapters.shadowed import Closing, Shadowed
from medie_fhir.errors import SettingsError
from medie_fhir.ports import FhirServer
from medie_fhir.settings import FhirSettings, Settings

__all__ = ["allowed_hosts", "check_settings", "is_asked", "open_source", "open_target", "proven", "strategy_of"]

_TYPES = NEEDED | {"Task"}  # a mapping may ask for a reviewer's task


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """The hosts that a content URL may name: the source server's, and those that the settings add."""
    source = settings.fhir.source_base_url or settings.fhir.base_url
    host = urlsplit(source).netloc
    return frozenset(name.lower() for name in (*settings.fhir.allowed_hosts, host) if name)


def is_asked(settings: Settings) -> bool:
    """Whether the target is a server, which can be asked what it holds; files and a topic can't."""
    return settings.fhir.bundles is None and settings.kafka.bundles is None


@asynccontextmanager
async def open_target(settings: Settings, topic: Closing | None = None) -> AsyncIterator[FhirServer]:
    """What is written to: the FHIR server by the strategy that its abilities allow, a folder, or the ``topic``."""
    if is_asked(settings):
        async with _http(settings, target=True) as server:

            async def by_strategy() -> FhirServer:
                return (await adapted(server, settings.fhir, _TYPES))[0]

            yield Adapting(server, by_strategy)
        return
    written = topic or _files(settings.fhir)
    target: Closing = Shadowed(written, Shadow(settings.fhir.shadow)) if settings.fhir.shadow else written
    try:
        yield target
    finally:
        await target.aclose()


def _files(fhir: FhirSettings) -> Closing:
    if fhir.bundles is None:
        raise SettingsError("kafka.bundles names a topic, which this command doesn't write to: run `medie-fhir run`")
    if fhir.bundles_format == "ndjson":
        return NdjsonFiles(fhir.bundles, max_bytes=fhir.batch_mebibytes * 1024**2, max_age_s=fhir.batch_seconds)
    return BundleFiles(fhir.bundles)


@asynccontextmanager
async def open_source(settings: Settings) -> AsyncIterator[FhirServer]:
    """The FHIR server that holds the notes' content: the target, where the settings name no other."""
    async with _http(settings, target=settings.fhir.source_base_url is None) as server:
        yield server


def check_settings(settings: Settings) -> None:
    """Raise SettingsError where a login or certificate can't be, or a folder isn't fit. Nobody is asked."""
    for target in (True, False) if settings.fhir.source_base_url else (True,):
        _login(settings.fhir, target=target)
    if settings.fhir.bundles is not None:
        fit(settings.fhir.bundles)


async def strategy_of(settings: Settings) -> str:
    """How the target server is written to, in a line. Raises FhirUnfit."""
    async with _http(settings, target=True) as server:
        return (await adapted(server, settings.fhir, _TYPES))[1]


async def proven(settings: Settings, *, target: bool) -> str:
    """As whom we are let in, and with which scope, in a line; it asks for a token where there is one to be had."""
    auth, _ = _login(settings.fhir, target=target)
    return await prove(auth)


def _login(fhir: FhirSettings, *, target: bool) -> tuple[httpx.Auth | None, ssl.SSLContext | bool]:
    if target:
        verify = tls_context(fhir.tls, "fhir.tls")
        return auth_of(fhir.auth, fhir.base_url, token=fhir.token, verify=verify, where="fhir.auth"), verify
    verify = tls_context(fhir.source_tls, "fhir.source_tls")
    url, token = fhir.source_base_url or fhir.base_url, fhir.source_token
    return auth_of(fhir.source_auth, url, token=token, verify=verify, where="fhir.source_auth"), verify


@asynccontextmanager
async def _http(settings: Settings, *, target: bool) -> AsyncIterator[FhirHttp]:
    auth, verify = _login(settings.fhir, target=target)
    url = settings.fhir.base_url if target else settings.fhir.source_base_url or settings.fhir.base_url
    server = FhirHttp(
        url,
        auth=auth,
        verify=verify,
        tls="fhir.tls" if target else "fhir.source_tls",
        patience=Patience(timeout=settings.fhir.timeout_seconds, attempts=settings.fhir.attempts),
        allowed_hosts=allowed_hosts(settings),
        max_content_bytes=settings.notes.max_bytes,
    )
    try:
        yield server
    finally:
        await server.aclose()
