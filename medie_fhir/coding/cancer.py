"""cancer_type: the words of a cancer without what only qualifies it; "carcinoma of the X" is "X carcinoma"."""

from __future__ import annotations

import re
from typing import Any

from medie_fhir.coding.lookup import Hit, as_concept, find_in_parts, text_only, without
from medie_fhir.coding.site import lateralities
from medie_fhir.coding.tables import Tables
from medie_fhir.coding.wording import plain, words
from medie_fhir.model import Concept

__all__ = ["code_cancer"]

_MODIFIERS = frozenset(
    words(
        "advanced bilateral biopsy confirmed de diagnosed differentiated disease early intermediate known left "
        "localized locally metastatic moderately multifocal multiple new newly novo poorly primary progressive proven "
        "recurrent refractory relapsed resectable resected residual right sided stage staged symptomatic the treated "
        "unifocal unresectable untreated well who"
    )
)
_SUBTYPES = _MODIFIERS | frozenset(
    words(
        "+ amplified castrate castration er extensive grade her2 high idh infiltrating invasive limited low mutant "
        "mutated negative positive pr resistant type wild wildtype"
    )
)
_UNTOLD = frozenset(words("and grade known of the type who"))
_STAGE = re.compile(r"\b(?:clinical |pathologic )?(?:stage|grade) (?:[ivx]+|[0-4])[a-d]?[1-3]?\b")
_OF = re.compile(r"^(?P<what>.+?) of (?:the )?(?P<where>.+)$")


def code_cancer(value: str, tables: Tables) -> Concept:
    """The Concept of a cancer: ``code`` SNOMED CT (or NCIt), then ICD-10-CM; ``broader``; ``laterality``.

    The attribute ``behaviour`` says that a neoplasm is in situ, benign, or of uncertain behaviour, where the row does.
    """
    table = tables["cancers"]
    dropped: list[str] = []

    def find(text: str) -> Hit | None:
        if (found := table.find(text)) is not None:
            return Hit(*found)
        staged = _STAGE.sub(" ", plain(text)).replace("wild-type", "wildtype")
        for known in (frozenset({"the"}), _MODIFIERS, _SUBTYPES):
            bare, modifiers = without(staged, known)
            for wording in (bare, _OF.sub(r"\g<where> \g<what>", bare)):
                if wording and (found := table.find(wording)) is not None:
                    dropped.extend(word for word in modifiers if word not in _UNTOLD)
                    return Hit(found[0], "rule")
        return None

    hit = find_in_parts(value, table, find)
    if hit is None:
        return text_only(value)
    attributes: dict[str, Any] = {"modifiers": tuple(dict.fromkeys(dropped))} if dropped else {}
    if hit.entry.kind is not None:
        attributes["behaviour"] = hit.entry.kind
    return as_concept(hit, attributes=attributes, codings=lateralities(value, tables))
