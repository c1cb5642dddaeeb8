"""Where content may be fetched from. The rules for a URL by itself: tests/document/test_url.py."""

from __future__ import annotations

import pytest

from medie_fhir.adapters.content_url import content_url, origin
from medie_fhir.errors import ForbiddenUrl

BASE = "https://fhir.example.org:8443/r4"
ALLOWED = frozenset({"files.example.org"})


@pytest.mark.parametrize(
    ("url", "fetched"),
    [
        ("Binary/123", f"{BASE}/Binary/123"),
        ("/Binary/123", f"{BASE}/Binary/123"),
        ("https://fhir.example.org:8443/r4/Binary/1", "https://fhir.example.org:8443/r4/Binary/1"),
        ("https://files.example.org/a?b=c", "https://files.example.org/a?b=c"),
    ],
)
def test_what_is_allowed_leads_to_one_place(url: str, fetched: str) -> None:
    assert content_url(url, BASE, ALLOWED) == fetched
    assert content_url(url, f"{BASE}/", ALLOWED) == fetched


@pytest.mark.parametrize(
    "url",
    [
        "https://fhir.example.org/r4/Binary/1",
        "https://files.example.org:8080/a",
        "https://files.example.org.evil.example/a",
        "https://files.example.org@evil.example/a",
        "//files.example.org/a",
        "ftp://files.example.org/a",
        "Binary/../metadata",
        "",
    ],
)
def test_everything_else_is_forbidden(url: str) -> None:
    with pytest.raises(ForbiddenUrl):
        content_url(url, BASE, ALLOWED)


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin("HTTPS://FHIR.example.org/r4") == ("https", "fhir.example.org", 443)
    assert origin("http://[::1]:8080/") == ("http", "::1", 8080)


@pytest.mark.parametrize(
    "url", ["fhir.example.org/r4", "file:///etc/passwd", "http://", "http://h:port/", "http://[::1"]
)
def test_what_is_no_web_address_has_no_origin(url: str) -> None:
    with pytest.raises(ForbiddenUrl):
        origin(url)
