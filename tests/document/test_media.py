"""What a content type says of how to read the bytes."""

from __future__ import annotations

import pytest

from medie_fhir.document.media import Family, charset_of, family_of


@pytest.mark.parametrize(
    ("label", "family"),
    [
        ("text/plain", Family.PLAIN),
        ("TEXT/PLAIN; charset=utf-8", Family.PLAIN),
        ("plain/text", Family.PLAIN),
        ("text/markdown", Family.PLAIN),
        ("text/html", Family.HTML),
        ("application/xhtml+xml", Family.HTML),
        ("application/hl7-v3+xml", Family.XML),
        ("text/xml", Family.XML),
        ("application/xml;charset=utf-8", Family.XML),
        (None, Family.UNKNOWN),
        ("", Family.UNKNOWN),
        ("application/octet-stream", Family.UNKNOWN),
        ("image/png", Family.IMAGE),
        ("application/pdf", Family.UNSUPPORTED),
        ("application/rtf", Family.UNSUPPORTED),
        ("text/rtf", Family.UNSUPPORTED),
        ("application/fhir+xml", Family.UNSUPPORTED),
        ("audio/mpeg", Family.UNSUPPORTED),
        ("nonsense", Family.UNSUPPORTED),
    ],
)
def test_a_label_says_a_kind_of_content(label: str | None, family: Family) -> None:
    assert family_of(label) is family


@pytest.mark.parametrize(
    ("label", "charset"),
    [
        ("text/plain; charset=utf-8", "utf-8"),
        ('text/html;CHARSET = "windows-1252"; x=y', "windows-1252"),
        ("text/plain", None),
        (None, None),
        ("text/plain; charset=", None),
    ],
)
def test_a_charset_is_a_parameter_of_the_label(label: str | None, charset: str | None) -> None:
    assert charset_of(label) == charset
