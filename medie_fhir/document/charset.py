"""Bytes → characters. A declared charset is believed as long as the bytes don't contradict it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from charset_normalizer import from_bytes

from medie_fhir.errors import UndecodableText

__all__ = ["decode"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ONE_BYTE = frozenset(
    [f"iso8859-{part}" for part in range(1, 17)]
    + [f"cp125{page}" for page in range(9)]
    + ["cp437", "cp850", "cp852", "cp858", "koi8-r", "koi8-u", "mac-roman", "tis-620"]
)
_MORE_BYTES = frozenset(
    """utf-8 utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be gb2312 gbk gb18030 big5 big5hkscs cp932 cp949 cp950
    shift_jis euc_jp euc_kr iso2022_jp""".split()  # noqa: SIM905 - one word a line would fill a page
)
_DECLARED = re.compile(
    rb"\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{1,40})"
    rb"|<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 1024  # bytes: as far as the HTML standard looks for it
_GUESSES = "cp1252 cp1250 cp1251 cp1253 cp1254 cp1255 cp1256 koi8_r shift_jis gb18030 big5 euc_kr euc_jp".split()  # noqa: SIM905 - one word a line would fill a page
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_WESTERN = frozenset(
    "àáâãäåæçèéêëìíîïñòóôõöøùúûüÿœßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŸŒ‘’‚“”„«»‹›–—…•·°±×÷µ²³¹½¼¾€£§©®™ªº¿¡´¨\u00a0"
)
_SIGN_IN_WORD = re.compile(r"[^\W\d_](?:[^\x00-\x7f\w\s‘’·–—…×]|[²³¹¼½¾])[^\W\d_]")
_MOST_WESTERN = 0.25  # of the letters: German and French have 2 to 10 per cent


def decode(data: bytes, declared: Iterable[str | None] = ()) -> str:
    """The text without its byte order mark. Raises UndecodableText.

    In this order: a byte order mark (nothing is more certain, WHATWG Encoding §6); each of ``declared``; the XML
    declaration or HTML meta element; UTF-8; UTF-16 by its zero bytes; a guess by the letters. A charset that
    contradicts the bytes is passed over, and so is a one-byte charset for bytes that are UTF-8: such text never is.
    """
    for mark, codec in _BOMS:
        if data.startswith(mark):
            return _certain(_try(data[len(mark) :], codec))
    named = [codec for codec in map(_codec, declared) if codec]
    named += [codec for codec in _declared_within(data) if not codec.startswith(("utf-16", "utf-32"))]
    utf8 = _try(data, "utf-8")
    for codec in named:
        if codec in _ONE_BYTE and utf8 is not None:
            return utf8
        if (text := _try(data, codec)) is not None:
            return text
    return utf8 if utf8 is not None else _certain(_guess(data))


def _certain(text: str | None) -> str:
    if text is None:
        raise UndecodableText("the bytes are text in no charset that was named or could be told")
    return text


def _codec(name: str | None) -> str | None:
    """Python's name of a charset, of those that are charsets and nothing else (not ``hex``, ``idna``, ``utf-7``)."""
    try:
        codec = codecs.lookup(name or "").name
    except (LookupError, ValueError):
        return None
    if codec in ("ascii", "iso8859-1"):  # as all browsers take them
        return "cp1252"
    return codec if codec in _ONE_BYTE or codec in _MORE_BYTES else None


def _declared_within(data: bytes) -> list[str]:
    match = _DECLARED.search(data[:_DECLARED_WITHIN])
    codec = _codec((match[1] or match[2]).decode("ascii")) if match else None
    return [codec] if codec else []


def _try(data: bytes, codec: str) -> str | None:
    """The text, or None where the bytes are not of this charset, or make something that nobody typed."""
    try:
        text = data.decode(codec)
    except UnicodeError:
        return None
    return text if "\0" not in text and len(_CONTROLS.findall(text)) * 100 <= len(text) else None


def _guess(data: bytes) -> str | None:
    if b"\0" in data:
        little = data[1::2].count(0) > data[::2].count(0)
        return _try(data, "utf-16-le" if little else "utf-16-be")
    western = _try(data, "cp1252")
    if western is not None and _looks_western(western):
        return western
    best = from_bytes(data, cp_isolation=_GUESSES).best()
    return _try(data, best.encoding) if best else None


def _looks_western(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    foreign = [character for character in text if not character.isascii()]
    accented = sum(map(str.isalpha, foreign))
    return _WESTERN.issuperset(foreign) and accented <= letters * _MOST_WESTERN and not _SIGN_IN_WORD.search(text)
