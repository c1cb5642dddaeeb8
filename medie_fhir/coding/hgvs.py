"""Protein and coding-DNA changes as HGVS (version 21, https://hgvs-nomenclature.org): read as notes write them.

``L858R``, ``p.L858R`` and ``p.(Leu858Arg)`` are ``p.Leu858Arg``. What is not valid syntax gives None; what is valid is
not checked against a reference sequence.
"""

from __future__ import annotations

import re

__all__ = ["coding_change", "protein_change"]

_RESIDUES = (
    "AAla CCys DAsp EGlu FPhe GGly HHis IIle KLys LLeu MMet NAsn PPro QGln RArg SSer TThr VVal WTrp YTyr *Ter XTer"
)
_THREE: dict[str, str] = {pair[0]: pair[1:] for pair in _RESIDUES.split()}
_NAMES = {name.casefold(): name for name in _THREE.values()}
_RESIDUE = "(?:" + "|".join(sorted(_NAMES)) + r"|[acdefghiklmnpqrstvwy])"
_END = "(?:" + "|".join(sorted(_NAMES)) + r"|[acdefghiklmnpqrstvwyx*])"
_AT = rf"(?P<a>{_RESIDUE})(?P<i>[1-9]\d*)"
_TO = rf"_(?P<b>{_RESIDUE})(?P<j>[1-9]\d*)"
_SUBSTITUTION = re.compile(rf"^{_AT}(?P<new>{_END})$")
_FRAMESHIFT = re.compile(rf"^{_AT}(?P<new>{_END})?fs(?:(?:\*|ter|x)(?P<stop>\d+|\?)?)?$")
_RANGE = re.compile(rf"^{_AT}(?:{_TO})?(?P<what>delins|ins|del|dup)(?P<tail>(?:{_END})*)$")
_DEL_FIRST = re.compile(rf"^del{_AT}[_-](?P<b>{_RESIDUE})(?P<j>[1-9]\d*)$")
_SEQUENCE = re.compile(_END)

_POSITION = r"[-*]?[1-9]\d*(?:[+-][1-9]\d*)?"
_CODING = re.compile(
    rf"^c\.(?P<at>{_POSITION})(?P<to>_{_POSITION})?(?P<what>[acgt]>[acgt]|delins[acgt]+|del[acgt]*|dup[acgt]*|ins[acgt]+|inv)$"
)


def protein_change(text: str) -> str | None:
    """``p.Leu858Arg`` from ``L858R``, ``p.(Leu858Arg)``, ``Leu858Arg``; None where the text is no protein change."""
    bare = (
        text.strip().casefold().removeprefix("p").removeprefix(".")
        if text.strip().casefold().startswith("p.")
        else text
    )
    bare = bare.strip().casefold().removeprefix("(").removesuffix(")")
    if match := _SUBSTITUTION.match(bare):
        old, new = _name(match["a"]), _name(match["new"])
        return None if old == new else f"p.{old}{match['i']}{new}"
    if match := _FRAMESHIFT.match(bare):
        new = _name(match["new"]) if match["new"] else ""
        stop = f"Ter{match['stop']}" if match["stop"] else ""
        return f"p.{_name(match['a'])}{match['i']}{new}fs{stop}" if new or not stop else None
    if match := _DEL_FIRST.match(bare):
        return f"p.{_name(match['a'])}{match['i']}_{_name(match['b'])}{match['j']}del"
    if match := _RANGE.match(bare):
        return _range(match)
    return None


def _fits(at: str, to: str | None, what: str) -> bool:
    """Whether the bases that are named beside a deletion or duplication are as many as its positions.

    ``c.185delAG`` has one position and two bases: it is an old notation, and no deletion of one base.
    """
    bases = re.fullmatch(r"(?:del|dup)([acgt]+)", what)
    if bases is None or not at.isdigit() or not (to is None or to[1:].isdigit()):
        return True
    return len(bases[1]) == (int(to[1:]) - int(at) + 1 if to else 1)


def _range(match: re.Match[str]) -> str | None:
    what, tail = match["what"], "".join(_name(residue) for residue in _SEQUENCE.findall(match["tail"]))
    inserts = what in ("ins", "delins")
    if inserts != bool(tail) or (what == "ins" and not match["j"]):
        return None
    if match["j"]:
        first, last = int(match["i"]), int(match["j"])
        if last <= first or (what == "ins" and last != first + 1):
            return None
    to = f"_{_name(match['b'])}{match['j']}" if match["j"] else ""
    return f"p.{_name(match['a'])}{match['i']}{to}{what}{tail}"


def _name(residue: str) -> str:
    return _THREE.get(residue.upper()) or _NAMES[residue]


def coding_change(text: str) -> str | None:
    """``c.68_69del`` from ``c.68_69delAG``; None where the text is no coding-DNA change."""
    match = _CODING.match(text.strip().casefold().replace("→", ">"))
    if match is None:
        return None
    what = match["what"]
    if not _fits(match["at"], match["to"], what):
        return None
    if ">" in what:
        return None if match["to"] or what[0] == what[2] else f"c.{match['at']}{what.upper()}"
    kind = next(kind for kind in ("delins", "del", "dup", "ins", "inv") if what.startswith(kind))
    if kind == "ins" and not match["to"]:
        return None
    bases = what.removeprefix(kind).upper() if kind in ("ins", "delins") else ""
    return f"c.{match['at']}{match['to'] or ''}{kind}{bases}"
