"""treatment: a drug, regimen or procedure, without its dose, line and intent; or a combination of several of them."""

from __future__ import annotations

import re
from typing import Any

from medie_fhir.coding.lookup import Hit, as_concept, text_only, without
from medie_fhir.coding.tables import Entry, Table, Tables
from medie_fhir.coding.wording import parenthesised, plain, words
from medie_fhir.model import Coding, Concept

__all__ = ["code_treatment"]

_MODIFIERS = frozenset(
    words(
        "additional adjuvant by administered alone and based completed completion concurrent concomitant "
        "consolidation continued current curative daily definitive dose dense dual elective followed frontline "
        "further given high infusion induction initial initially injection intensity intravenous iv later left "
        "low line maintenance metronomic modified neoadjuvant next observation oral ongoing palliation palliative "
        "perioperative po postoperative preoperative previous previously prior primary received "
        "rechallenge regimen resumed right robotic robotically laparoscopic open assisted salvage second "
        "sequential short course sided single agent started subsequent subsequently systemic tablet the then "
        "therapy third first treatment underwent weekly with monthly biweekly monotherapy combination bilateral "
        "total"
    )
)
_DOSE = re.compile(
    r"\bx?\s?\d+\s*(?:cycles?|fractions?|months?|weeks?|days?|doses?|courses?)\b|\b\d+(?:\.\d+)?\s*(?:mg/m2|mg/kg|mg|mcg|g/m2|units?|cgy|gy)(?:/(?:day|d|fraction|dose))?\b|\bx\s*\d+\b|"
    r"\b(?:every|q)\s?\d*\s?(?:days?|weeks?|w|d)\b|"
    r"\b(?:\d+(?:st|nd|rd|th)|first|second|third|fourth)[- ]line\b|\b(?:bid|tid|qd|qod|prn|for)\b|\bauc ?\d(?:\.\d)?\b"
)
# Written small these are words, or stand for other things ("rt" for right): they are treatments in capitals only.
_IN_CAPITALS = frozenset({"ac", "act", "br", "chop", "ep", "ice", "rt", "vac", "vip"})
_WORD = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")
_JOINTS = re.compile(r"[,;+/&]|->|→|\b(?:plus|followed by|in combination with|combined with|with|then|and)\b")
_REMARK = re.compile(
    r"^(?:after|prior|previous(?:ly)?|following|progress(?:ed|ion)|since|until|for|at|stopped|discontinued)\b"
)
_CLASSES = frozenset(
    {
        "androgen-deprivation-therapy",
        "chemotherapy",
        "cancer-treatment",
        "hormone-therapy",
        "immunotherapy",
        "radiotherapy",
        "surgery",
        "systemic-therapy",
        "targeted-therapy",
        "tumor-resection",
    }
)
_DRUGS = frozenset({"drug", "hormone", "immunotherapy", "regimen", "supportive", "targeted"})
_SUPPORTIVE = "supportive"  # dexamethasone: a part of a combination, and no treatment of a cancer by itself
_SNOMED = "http://snomed.info/sct"
_DRUG_THERAPY, _THERAPY = "systemic-therapy", "cancer-treatment"


def code_treatment(value: str, tables: Tables) -> Concept:
    """The Concept of a treatment: ``code``, ``category``, ``ingredient``; attributes ``kind``, ``parts``."""
    table = tables["treatments"]
    if any(word != word.upper() and word.replace("-", "").lower() in _IN_CAPITALS for word in _WORD.findall(value)):
        return text_only(value)
    parts = None if table.find(value) else parenthesised(plain(value))
    hits = _parenthesised(*parts, table) if parts else _find(value, table)
    if all(hit.entry.kind == _SUPPORTIVE for hit in hits):
        return text_only(value)
    if len(hits) == 1:
        return as_concept(hits[0], attributes={"kind": hits[0].entry.kind}, codings=_told(hits[0].entry, parts, table))
    return _combination([hit.entry for hit in hits], table)


def _told(regimen: Entry, parts: tuple[str, str] | None, table: Table) -> dict[str, tuple[Coding, ...]]:
    """The ingredients of a regimen with those that the parentheses name: "AC-T (…, paclitaxel)"."""
    if parts is None or regimen.kind != "regimen" or _REMARK.match(parts[1]):
        return {}
    named = [hit.entry for hit in _find(parts[1], table) if hit.entry is not regimen]
    own = regimen.codings.get("ingredient", ())
    known = {(coding.display or "").casefold() for coding in own}
    more = tuple(coding for coding in _ingredients(named) if (coding.display or "").casefold() not in known)
    return {"ingredient": (*own, *more)} if more else {}


def _ingredients(entries: list[Entry]) -> list[Coding]:
    own = [entry.codings.get("ingredient", entry.codings.get("code", ())[:1]) for entry in entries]
    return list(dict.fromkeys(coding for codings in own for coding in codings if coding.system != _SNOMED))


def _find(text: str, table: Table) -> list[Hit]:
    """One hit, or several of a combination; none where any word of the text is neither of one of them nor known."""
    if (found := table.find(text)) is not None:
        return [Hit(*found)]
    bare = _DOSE.sub(" ", plain(text))
    if (hit := _bare(bare, table)) is not None:
        return [hit]
    if without(_JOINTS.sub(" ", table.without_named(bare)), _MODIFIERS)[0]:
        return []
    return list({hit.entry.slug: Hit(hit.entry, "rule") for hit in table.named(bare)}.values())


def _bare(text: str, table: Table) -> Hit | None:
    for wording in (text, without(text, _MODIFIERS)[0]):
        if wording and (found := table.find(wording)) is not None:
            return Hit(found[0], "rule")
    return None


def _parenthesised(outer: str, inner: str, table: Table) -> list[Hit]:
    """What is in parentheses names the drug of a class, the drugs of a regimen, one more part, or how it was given."""
    outside, inside = _find(outer, table), _find(inner, table)
    if outside and _REMARK.match(inner):  # "bevacizumab (prior erlotinib)": the line before is another treatment
        return [Hit(hit.entry, "rule") for hit in outside]
    if not outside:
        return inside if inside and not without(_DOSE.sub(" ", outer), _MODIFIERS)[0] else []
    if not inside:
        told = not without(_DOSE.sub(" ", inner), _MODIFIERS)[0]
        return [Hit(hit.entry, "rule") for hit in outside] if told else []
    entries = {hit.entry.slug: hit.entry for hit in outside}
    if entries.keys() <= _CLASSES:
        entries = {hit.entry.slug: hit.entry for hit in inside}
    elif not any(hit.entry.kind == "regimen" or hit.entry.slug in _CLASSES for hit in (*outside, *inside)):
        entries |= {hit.entry.slug: hit.entry for hit in inside}
    return [Hit(entry, "rule") for entry in entries.values()]


def _combination(entries: list[Entry], table: Table) -> Concept:
    """Several treatments in one value: no single code, each drug an ``ingredient``, the class that holds them all."""
    ingredients = _ingredients(entries)
    drugs = all(entry.kind in _DRUGS for entry in entries)
    categories = {entry.codings["category"] for entry in entries}
    common = table.entries[_DRUG_THERAPY if drugs else _THERAPY].codings["category"]
    codings = {"category": categories.pop() if len(categories) == 1 else common}
    if ingredients:
        codings["ingredient"] = tuple(ingredients)
    attributes: dict[str, Any] = {
        "kind": "regimen" if drugs else "other",
        "parts": tuple(entry.name for entry in entries),
    }
    key = "text|" + "+".join(sorted(plain(entry.name) for entry in entries))
    return Concept(key, codings, attributes, "rule", entries[0].row)
