"""Bytes → characters."""

from __future__ import annotations

import codecs
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document.charset import decode
from medie_fhir.errors import UndecodableText

GERMAN = "Größe 3 cm, übriges Gewebe unauffällig – keine Metastasen"


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_believed_before_all_and_is_not_text(mark: str) -> None:
    assert decode(GERMAN.encode(mark), ["iso-8859-1"]) == GERMAN


def test_a_mark_that_the_bytes_contradict_is_refused() -> None:
    with pytest.raises(UndecodableText):
        decode(codecs.BOM_UTF8 + b"\xff\xfe\xfd")


@pytest.mark.parametrize(
    "charset", ["windows-1252", "ISO-8859-1", "iso-8859-15", "cp850", "utf-8", "utf-16-le", "mac-roman"]
)
def test_a_declared_charset_is_believed(charset: str) -> None:
    text = GERMAN.replace("–", "-")
    assert decode(text.encode(charset), [None, charset]) == text


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "us-ascii"])
def test_utf8_under_a_one_byte_label_is_utf8(charset: str) -> None:
    assert decode(GERMAN.encode(), [charset]) == GERMAN


@pytest.mark.parametrize(
    "charset", ["utf-8", "us-ascii", "nonsense", "hex", "zip", "utf-7", "idna", "unicode_escape", "", None]
)
def test_a_charset_that_is_wrong_or_none_is_passed_over(charset: str | None) -> None:
    assert decode(GERMAN.encode("cp1252"), [charset]) == GERMAN


@pytest.mark.parametrize(
    "head",
    [
        '<?xml version="1.0" encoding="cp1251"?>',
        '<html><meta charset="windows-1251">',
        "<META http-equiv='Content-Type' content='text/html; charset=windows-1251'>",
    ],
)
def test_markup_says_its_own_charset(head: str) -> None:
    text = f"{head}<p>Рак</p>"
    assert decode(text.encode("cp1251")) == text


def test_markup_that_can_be_read_is_not_the_utf16_that_it_says() -> None:
    text = '<?xml version="1.0" encoding="utf-16"?><p>Tumor</p>'
    assert decode(text.encode()) == text


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_told_by_its_zero_bytes(charset: str) -> None:
    assert decode(GERMAN.encode(charset)) == GERMAN


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("Früher Tumor", "cp1252"),
        ("carcinome du côlon opéré à l’hôpital", "cp1252"),
        ("Lesion 3×4 mm, 38.5 °C, ±2 µg/mL", "cp1252"),
        ("Пациент с опухолью легкого, метастазы в печень", "cp1251"),
        ("Pacjent z rakiem płuca, przerzuty do wątroby, żółtaczka", "cp1250"),
        ("肺癌の患者、肝転移あり。", "shift_jis"),
    ],
)
def test_an_undeclared_charset_is_told_by_its_letters(text: str, charset: str) -> None:
    assert decode(text.encode(charset)) == text


@pytest.mark.parametrize("data", [b"\0", b"\1\2\3", bytes(range(256)), b"text\0text"])
def test_what_nobody_typed_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableText):
        decode(data)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])))
def test_utf8_is_read_as_it_was_written(text: str) -> None:
    if not text.startswith("\ufeff"):
        assert decode(text.encode()) == text


@given(st.binary(), st.sampled_from([None, "utf-8", "utf-16", "shift_jis", "gb18030", "cp1252", "x", "iso2022_jp"]))
def test_all_bytes_are_text_or_refused(data: bytes, charset: str | None) -> None:
    with suppress(UndecodableText):
        assert "\0" not in decode(data, [charset])
