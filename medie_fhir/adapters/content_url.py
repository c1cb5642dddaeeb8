"""Which URLs of a note's attachment may be fetched, and where they lead. Pure: nobody is contacted here.

An event is written by others. A URL in it that were fetched as it stands would let its writer use this program to
reach whatever this program can reach (server-side request forgery, CWE-918), and would send the FHIR server's
credentials along.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

from medie_fhir.errors import ForbiddenUrl

__all__ = ["content_url", "origin"]

_PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\]")


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an absolute http(s) URL. Raises ForbiddenUrl for any other."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise ForbiddenUrl("the URL can't be read") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or parts.password is not None:
        raise ForbiddenUrl("the URL is neither relative nor a plain http(s) URL without user name")
    return parts.scheme, parts.hostname, port


def content_url(url: str, base_url: str, allowed_hosts: frozenset[str]) -> str:
    """The absolute URL to fetch. Raises ForbiddenUrl.

    ``url`` is relative to ``base_url``, the FHIR server's (``Binary/123``, also with a leading slash), or absolute and
    under the FHIR server's own origin or an allowed host. An allowed host is ``name`` (the scheme's usual port) or
    ``name:port``.
    """
    if _UNSAFE.search(url) or ".." in unquote(url).split("?")[0].split("/"):
        raise ForbiddenUrl("the URL holds characters or steps that no content's URL needs")
    parts = _split(url)
    if not parts.scheme and not parts.netloc:
        if not parts.path.strip("/"):
            raise ForbiddenUrl("the URL is empty")
        return f"{base_url.rstrip('/')}/{_below(parts, base_url)}"
    scheme, host, port = origin(url)
    names = {f"{host}:{port}"} | ({host} if port == _PORTS[scheme] else set())
    if (scheme, host, port) == origin(base_url) or names & {name.lower() for name in allowed_hosts}:
        return url
    raise ForbiddenUrl("the URL is under no allowed host; add its host to the allowed hosts if it may be contacted")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ForbiddenUrl("the URL can't be read") from None


def _below(parts: SplitResult, base_url: str) -> str:
    """Path and query below the base. A leading slash may stand for the base, or for the root with the base's path."""
    root = urlsplit(base_url).path.rstrip("/") + "/"
    path = parts.path.removeprefix(root) if parts.path.startswith(root) else parts.path.lstrip("/")
    return f"{path}?{parts.query}" if parts.query else path
