"""Whether a code can be one of its system at all: a spreadsheet that opens a CSV rounds long numbers and drops noughts.

Sources: SNOMED CT Release File Specifications 5.8 (an SCTID has 6 to 18 digits and ends in a Verhoeff check digit),
LOINC Users' Guide (a number, a hyphen, a check digit).
"""

from __future__ import annotations

import re

__all__ = ["malformed"]

_SNOMED, _LOINC = "http://snomed.info/sct", "http://loinc.org"
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
_SCTID = re.compile(r"[1-9]\d{5,17}")
_LOINC_NUMBER = re.compile(r"(?:LA|LP)?[1-9]\d*-\d")
_VERHOEFF = tuple(range(10)), (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_DIHEDRAL = 5


def malformed(system: str, code: str) -> str | None:
    """What is wrong with the form of a code, or None. Whether the system has the code, nobody can tell here."""
    if _ROUNDED.fullmatch(code):
        return "a number that a spreadsheet has rounded: write the column as text"
    if system == _SNOMED and not (_SCTID.fullmatch(code) and _checks(code)):
        return "no SCTID: its check digit is wrong"
    if system == _LOINC and not _LOINC_NUMBER.fullmatch(code):
        return "no LOINC code: a number, a hyphen and a digit"
    return None


def _checks(number: str) -> bool:
    """Verhoeff's check, in the dihedral group of the pentagon."""
    check = 0
    for place, digit in enumerate(reversed(number)):
        permuted = int(digit)
        for _ in range(place % 8):
            permuted = _VERHOEFF[1][permuted]
        check = _turned(check, permuted)
    return check == 0


def _turned(one: int, other: int) -> int:
    if one < _DIHEDRAL:
        return (one + other) % 5 if other < _DIHEDRAL else 5 + (one + other) % 5
    return 5 + (one - other) % 5 if other < _DIHEDRAL else (one - other) % 5
