"""Changes of whole chromosomes, which have no gene to code: ISCN notation, and the names that clinicians use.

ISCN: An International System for Human Cytogenomic Nomenclature. No table has codes for them; they are known by form.
"""

from __future__ import annotations

import re

__all__ = ["cytogenetic_kind"]

_PLACE = r"\d{1,2}[pq]?(?:\d{1,2}(?:\.\d{1,2})?)?"
_FORMS = (
    ("translocation", re.compile(r"t ?\([\dxy]{1,2}[;:,] ?[\dxy]{1,2}\)(?: ?\([\dpq.;:, ]{2,24}\))?")),
    ("inversion", re.compile(r"inv ?\(\d{1,2}\)(?: ?\([\dpq.;:, ]{2,24}\))?")),
    ("deletion", re.compile(rf"del ?\({_PLACE}\)(?: ?\([\dpq.;:, ]{{2,24}}\))?")),
    ("deletion", re.compile(rf"{_PLACE} (?:deletion|deleted|loss)|(?:deletion|loss) (?:of )?(?:chromosome )?{_PLACE}")),
    ("codeletion", re.compile(r"1p[ /,&]{0,3}(?:and )?19q (?:co-? ?deletion|co-? ?deleted|loss)")),
    (
        "codeletion",
        re.compile(r"(?:co-? ?deletion|loss|deletion) of (?:chromosomes? (?:arms? )?)?1p ?(?:/|and|,) ?19q"),
    ),
    ("gain", re.compile(r"trisomy \d{1,2}|1q (?:gain|amplification)|hyperdiploid(?:y)?")),
    ("loss", re.compile(r"monosomy \d{1,2}")),
    ("complex karyotype", re.compile(r"complex karyotype")),
    (
        "translocation",
        re.compile(r"philadelphia(?: chromosome|[ -]positive| chromosome positive)|ph ?\+|ph[ -]positive"),
    ),
)


def cytogenetic_kind(text: str) -> str | None:
    """What kind of change a wording in its plain form names; None where it names none, or something besides."""
    text = re.sub(r"[\s-]+", " ", text.strip())
    return next((kind for kind, form in _FORMS if form.fullmatch(text)), None)
