"""Where a note's content may be fetched, and whose credentials may go along. Pure: nobody is contacted here.

An event is written by others. Were any URL in it fetched as it stands, its writer could use this program to reach
whatever this program can reach (server-side request forgery, CWE-918), with the FHIR server's credentials at that.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from medie_fhir.document.url import check_url
from medie_fhir.errors import ForbiddenUrl

__all__ = ["content_url", "origin"]

_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an absolute http(s) URL (RFC 6454). Raises ForbiddenUrl for any other."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ForbiddenUrl("the URL can't be read") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ForbiddenUrl("the URL is not one with http or https and a host")
    return parts.scheme, parts.hostname, _PORTS[parts.scheme] if port is None else port


def content_url(url: str, base_url: str, allowed_hosts: frozenset[str]) -> str:
    """The absolute URL to fetch. Raises ForbiddenUrl.

    ``url`` is ``Binary/{id}``, below ``base_url``; or absolute, on the FHIR server's own host or an allowed one
    (``name`` for the scheme's usual port, or ``name:port``; in lower case).
    """
    _, host, port = origin(base_url)
    allowed = check_url(url, allowed_hosts | {f"{host}:{port}"})
    return allowed if "://" in allowed else f"{base_url.rstrip('/')}/{allowed}"
