"""The normal form of a wording: what of case, white space, hyphens, plural and spelling is no difference of meaning.

Everything here is exact: two wordings are the same when their folded forms are equal, never when they are alike.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["fold", "parenthesised", "plain", "words"]

_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")
_GREEK = {ord("α"): "alpha", ord("β"): "beta", ord("γ"): "gamma", ord("κ"): "kappa", ord("λ"): "lambda"}
_BRITISH = (("tumour", "tumor"), ("oesoph", "esoph"), ("oestr", "estr"), ("aemia", "emia"), ("haem", "hem"))
_IRREGULAR = {"metastases": "metastasis", "vertebrae": "vertebra", "mets": "metastasis", "biopsies": "biopsy"}
_WORD = re.compile(r"[a-z0-9]+|\+")
_PARENTHESES = re.compile(r"^([^()]*)\(([^()]*)\)([^()]*)$")


@lru_cache(maxsize=8192)
def plain(text: str) -> str:
    """Lower case, one kind of dash, no accents, single spaces, American spelling. Punctuation stays."""
    if text.isascii():
        text = text.lower()
    else:
        text = unicodedata.normalize("NFKC", text).translate(_DASHES).casefold().translate(_GREEK)
        text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    text = text.replace("’", "'").replace("'s", "")
    for british, american in _BRITISH:
        text = text.replace(british, american)
    return " ".join(text.split())


def words(text: str, *, plurals: bool = False) -> list[str]:
    """The words of a wording, ``+`` being one; with ``plurals`` each in its singular."""
    found: list[str] = _WORD.findall(plain(text))
    return [_singular(word) for word in found] if plurals else found


def fold(text: str, *, plurals: bool = False) -> str:
    """The key by which wordings are looked up: the words without what stands between them."""
    return "".join(words(text, plurals=plurals))


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004 - "als" is no plural
        return word[:-1]
    return word


def parenthesised(text: str) -> tuple[str, str] | None:
    """What stands outside and inside of the one pair of parentheses of a text, or None where there isn't just one."""
    match = _PARENTHESES.match(text.strip())
    if match is None:
        return None
    outer = f"{match[1].strip()} {match[3].strip()}".strip()
    return outer, match[2].strip()
