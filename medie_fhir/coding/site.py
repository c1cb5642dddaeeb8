"""metastasis_site: the organ in "mets to the X", "X lesions", "left X"; an unknown site gets no code."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from medie_fhir.coding.lookup import Hit, as_concept, coding_key, find_in_parts, text_only, without
from medie_fhir.coding.tables import Table, Tables
from medie_fhir.coding.wording import parenthesised, words
from medie_fhir.model import Coding, Concept

__all__ = ["code_site", "lateralities"]

_MODIFIERS = frozenset(
    words(
        "a adjacent and-or area asymptomatic bilateral both bulky cancer confirmed contralateral deposit diffuse "
        "disease distant enlarged enhancing extensive foci focus implant in innumerable into involved involvement "
        "ipsilateral isolated large left lesion lobe lower mass mass malignant metastasis metastatic met microscopic "
        "middle multifocal multiple near new nodule nodular numerous of oligometastasis oligometastatic on positive "
        "progression region regional right scattered secondary sided single small solitary spread the to "
        "tumor tumour unifocal upper widespread within"
    )
)
_VERTEBRA = re.compile(r"^(?:c[1-7]|t(?:[1-9]|1[0-2])|l[1-5])$")
_ADENOPATHY = re.compile(r"\b(?:lymph)?adenopath(?:y|ies)\b", re.IGNORECASE)
_LEVEL = re.compile(r"\blevels? (?:[1-7]|i{1,3}|iv|vi{0,2})[ab]?\b", re.IGNORECASE)
_WIDER = frozenset({"area", "region"})  # not the node that an adjective stands for: "supraclavicular area"
_UNSPECIFIED = "unspecified"
_SNOMED = "http://snomed.info/sct"


def lateralities(value: str, tables: Tables) -> dict[str, tuple[Coding, ...]]:
    """The role ``laterality``, where exactly one side (or both) is named."""
    table = tables["metastatic_sites"]
    sides = {word for word in words(value) if word in ("left", "right", "bilateral")}
    if len(sides) != 1:
        return {}
    return {"laterality": table.entries[sides.pop()].codings["laterality"]}


def code_site(value: str, tables: Tables) -> Concept:
    """The Concept of a site: ``code`` (secondary neoplasm), ``body_site``, ``laterality``."""
    table = tables["metastatic_sites"]

    def find(text: str) -> Hit | None:
        found = table.find(text)
        if found is None or "laterality" in found[0].codings:
            found = None
            singular = " ".join(words(_ADENOPATHY.sub("lymph node", _LEVEL.sub(" ", text)), plurals=True))
            bare, _ = without(singular, _MODIFIERS)
            bare = " ".join("vertebra" if _VERTEBRA.match(word) else word for word in bare.split())
            bare = " ".join(dict.fromkeys(bare.split()))
            if bare and (reached := table.find(bare)) is not None and "laterality" not in reached[0].codings:
                told = reached[0].slug != "lymph-node" and "node" not in bare
                nodes = told and table.is_a(reached[0], table.entries["lymph-node"])
                return None if nodes and not _WIDER.isdisjoint(singular.split()) else Hit(reached[0], "rule")
        return Hit(*found) if found else None

    hit = find_in_parts(value, table, find)
    if hit is None or _two(value, hit, find, table):
        return text_only(value)
    concept = as_concept(hit, codings=lateralities(value, tables))
    return replace(concept, key=_key(concept))


def _two(value: str, hit: Hit, find: Callable[[str], Hit | None], table: Table) -> bool:
    """Whether what is in parentheses is by itself another site, and neither a kind of the one found nor wider."""
    parts = parenthesised(value)
    outer, inner = (find(part) for part in parts) if parts and hit.match == "rule" else (None, None)
    if outer is None or inner is None or inner.entry.slug == _UNSPECIFIED:
        return False
    return not (table.is_a(outer.entry, inner.entry) or table.is_a(inner.entry, outer.entry))


def _key(concept: Concept) -> str:
    """By the SNOMED code, else by the body site (ICD-10-CM puts several sites under one code); and by the side."""
    main, sites = concept.main, concept.codings.get("body_site", ())
    if main is not None and main.system == _SNOMED:
        key = concept.key
    else:
        key = coding_key(sites[0]) if sites else f"{concept.key}|{(concept.row or '').partition(':')[2]}"
    return "|".join((key, *(side.code for side in concept.codings.get("laterality", ()))))
