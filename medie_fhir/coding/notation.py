"""How notes write a change where HGVS writes it otherwise: gaps, glued words, older names that only look like it."""

from __future__ import annotations

import re

from medie_fhir.coding.wording import plain, words

__all__ = ["histone_change", "means_any", "readable"]

_HGVS_GAP = re.compile(r"\b(p|c)\s*\.\s*")
_SPLIT_CHANGE = re.compile(r"\b([acdefghiklmnpqrstvwy]\d{2,4}) ([acdefghiklmnpqrstvwy])\b")
_STICKY_P = re.compile(r"\bp([acdefghiklmnpqrstvwy]\d{2,4}[acdefghiklmnpqrstvwyx*])(?![a-z0-9])")
_GLUED_EXON = re.compile(r"\bex(?:on)?\.? ?(\d{1,2})(?: ?(del|ins|skipping)\w*)?\b")
# Names of the Breast Cancer Information Core, which count otherwise, and are written with a "c." too: BRCA2 6174delT is
# c.5946del (ClinVar 9325), BRCA1 185delAG is c.68_69del (ClinVar 17662).
_OF_BIC = re.compile(r"(?<![a-z0-9])c\.(?=(?:185delag|187delag|5382insc|5385insc|6174delt)(?![a-z0-9]))")
_TO_ANY = re.compile(r"(?<![a-z0-9])(?:p\.)?[acdefghiklmnpqrstvwy][1-9]\d{1,3}x(?![a-z0-9])")
_ACTIVATED = frozenset(
    words(
        "akt1 alk braf ctnnb1 egfr erbb2 esr1 fgfr1 fgfr2 fgfr3 flt3 gna11 gnaq gnas hras idh1 idh2 jak2 kit kras "
        "map2k1 met mpl myd88 nras pdgfra pik3ca ret sf3b1"
    )
)
_HISTONE = re.compile(r"^H3[-C]")
_OF_HISTONE = re.compile(r"(?<![a-z0-9])(?:p\.)?((?:k27|g34|k36)[acdefghiklmnpqrstvwy])(?![a-z0-9])")


def readable(value: str) -> str:
    """A value in its plain form, with what is glued or torn apart set right: ``p. L858R``, ``ex19del``."""
    text = _STICKY_P.sub(r"p.\1", _SPLIT_CHANGE.sub(r"\1\2", _HGVS_GAP.sub(r"\1.", plain(value))))
    return _GLUED_EXON.sub(r"exon \1 \2", _OF_BIC.sub("", text))


def means_any(symbol: str, value: str) -> bool:
    """Whether an ``X`` stands for any residue ("KRAS G12X"): what activates a gene is no stop, as X is elsewhere."""
    return symbol.lower() in _ACTIVATED and _TO_ANY.search(plain(value)) is not None


def histone_change(symbol: str, value: str) -> str | None:
    """``K27M`` of a histone H3, counted in the finished protein: in HGVS, from its first codon on, it is p.Lys28Met."""
    change = _OF_HISTONE.search(plain(value)) if _HISTONE.match(symbol) else None
    return change[1].upper() if change else None
