"""Whether content behind a URL may be asked for."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document import check_url
from medie_fhir.errors import ForbiddenUrl

HOSTS = frozenset({"files.example", "ehr.example:8443", "[::1]"})


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("Binary/123", "Binary/123"),
        ("/Binary/a-b.c", "Binary/a-b.c"),
        ("Binary/1/_history/2", "Binary/1/_history/2"),
        ("https://files.example/a%2Fb/c?patient=1&x=$y", "https://files.example/a%2Fb/c?patient=1&x=$y"),
        ("http://FILES.example:80/a", "http://FILES.example:80/a"),
        ("https://ehr.example:8443/Binary/1#page", "https://ehr.example:8443/Binary/1"),
        ("https://files.example", "https://files.example"),
    ],
)
def test_a_binary_or_an_allowed_host_may_be_asked(url: str, asked: str) -> None:
    assert check_url(url, HOSTS) == asked


@pytest.mark.parametrize(
    "url",
    [
        "",
        "Binary/",
        "Binary/..",
        "Binary/../Patient/1",
        "Binary/1/../2",
        "Binary/1/$x",
        "Binary/1?x",
        "//Binary/1",
        "DocumentReference/1/$x",
        "Patient/1",
        "notes/1.txt",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://files.example/a",
        "javascript:alert(1)",
        "urn:uuid:1",
        "#contained",
        "//files.example/a",
        "https:files.example/a",
        "https:///a",
        "https://other.example/a",
        "https://files.example.evil.example/a",
        "https://evil.example/files.example",
        "https://evil.example#files.example",
        "https://evil.example?files.example",
        "https://files.example@evil.example/a",
        "https://user:secret@files.example/a",
        "https://files.example:8443/a",
        "https://ehr.example/a",
        "http://ehr.example:443/a",
        "https://files.example:99999/a",
        "https://files.example:x/a",
        "https://files.example/a/../b",
        "https://files.example/a/%2e%2E/b",
        "https://files.example/a%2f..%2fb",
        "https://files.example/./b",
        "https://files.example\\@evil.example/a",
        "https://files.example/a b",
        "https://files.example/\n",
        "\thttps://files.example/",
        "https://fíles.example/a",
        "https://files.example/a|b",
        "https://[::1/a",
        "https://files.example./a",
    ],
)
def test_nobody_else_is_asked(url: str) -> None:
    with pytest.raises(ForbiddenUrl) as caught:
        check_url(url, HOSTS)
    assert "secret" not in str(caught.value)


@given(st.text("htps:/.@\\?#%2eBinary1files.examplevil[]0\n ", max_size=40))
def test_every_url_is_a_binary_an_allowed_host_or_refused(url: str) -> None:
    with suppress(ForbiddenUrl):
        asked = check_url(url, HOSTS)
        assert asked.startswith("Binary/") or urlsplit(asked).hostname in {"files.example", "ehr.example", "::1"}
