"""Whether content behind a URL may be asked for. Nobody is contacted here."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from medie_fhir.errors import ForbiddenUrl

__all__ = ["check_url"]

_ID = r"(?!\.+(?:/|\Z))[A-Za-z0-9._-]{1,128}"
_BINARY = re.compile(rf"/?(?P<path>Binary/{_ID}(?:/_history/{_ID})?)")
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")  # RFC 3986, §2
_DOTS = re.compile(r"(\.|%2e){1,2}", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


def check_url(url: str, allowed_hosts: frozenset[str]) -> str:
    """The URL to ask: ``Binary/{id}`` on the FHIR server, or an http(s) URL whose host is allowed.

    ``allowed_hosts`` are names in lower case, as ``host`` (the scheme's own port) or ``host:port``. Raises ForbiddenUrl
    for everything else: other relative paths, other schemes, ``//host``, a user name, dot segments, odd characters.
    """
    if match := _BINARY.fullmatch(url):
        return match["path"]
    if not _CHARACTERS.fullmatch(url):
        raise ForbiddenUrl("the URL holds characters that no URL has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ForbiddenUrl("the URL can't be read") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ForbiddenUrl("the URL is neither Binary/{id} nor one with http or https")
    if "@" in parts.netloc:
        raise ForbiddenUrl("the URL holds a user name")
    if any(_DOTS.fullmatch(segment) for segment in re.split(r"/|%2f", parts.path, flags=re.IGNORECASE)):
        raise ForbiddenUrl("the URL's path holds . or ..")
    if not _allowed(parts.hostname, port, _PORTS[parts.scheme], allowed_hosts):
        raise ForbiddenUrl("the URL's host is not among the allowed hosts; if it should be, add it to the settings")
    return url.partition("#")[0]


def _allowed(host: str, port: int | None, own_port: int, allowed_hosts: frozenset[str]) -> bool:
    effective = own_port if port is None else port
    return f"{host}:{effective}" in allowed_hosts or (effective == own_port and host in allowed_hosts)
