"""Where a FHIR server says its tokens are given: ``.well-known/smart-configuration`` (SMART App Launch 2.2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx

from medie_fhir.adapters.fhir_auth.token_wire import TokenWire
from medie_fhir.errors import FhirUnfit

__all__ = ["discovered", "is_private"]

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


async def discovered(wire: TokenWire, base_url: str, where: str) -> str:
    """The token URL that the server at ``base_url`` names. ``where``: the settings to mend.

    Raises FhirUnfit where it names none, or one to which no secret must be sent; else as ``wire`` does.
    """
    url = f"{base_url.rstrip('/')}/.well-known/smart-configuration"
    host = urlsplit(base_url).hostname
    doing = f"asking {host} for its .well-known/smart-configuration"
    said = await wire.exchange(doing, httpx.Request("GET", url, headers={"Accept": "application/json"}))
    named = said.fields.get("token_endpoint") if said.status == httpx.codes.OK else None
    place = _host(named)
    if place is None:
        raise FhirUnfit(f"{doing}: HTTP {said.status}: it names no token endpoint. Set {where}.token_url")
    if not _is_safe(named, base_url):
        raise FhirUnfit(
            f"{doing}: it names a token endpoint at {place}, and whoever listens in could have put it there, or"
            f" read the secret. Use https:// for both, or set {where}.token_url"
        )
    return str(named)


def is_private(token_url: str, base_url: str) -> bool:
    """Whether a secret may be sent there: by https, on this machine, or to the host that gets the notes by http."""
    url, base = urlsplit(token_url), urlsplit(base_url)
    return (
        url.scheme == "https" or url.hostname in _LOOPBACK or (base.scheme == "http" and url.hostname == base.hostname)
    )


def _is_safe(token_url: Any, base_url: str) -> bool:
    """A document that came by http can be forged on its way: it names no other host than the one that gave it."""
    url, base = urlsplit(token_url), urlsplit(base_url)
    if url.hostname == base.hostname:
        return url.scheme == "https" or base.scheme == "http"
    return url.scheme == "https" and (base.scheme == "https" or base.hostname in _LOOPBACK)


def _host(url: Any) -> str | None:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return None
    # Credentials in it would stand in every message of httpx.
    fit = parts is not None and parts.scheme in {"http", "https"} and parts.username is None
    return parts.hostname if parts is not None and fit else None
