"""response: one status. Of "X then Y" and "Y after X" it is Y, the later one; what names two at once gets no code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from medie_fhir.coding.lookup import Hit, as_concept, coding_key, denies, text_only, without
from medie_fhir.coding.tables import Entry, Table, Tables
from medie_fhir.coding.wording import parenthesised, plain, words
from medie_fhir.model import Coding, Concept

__all__ = ["code_response"]

_MODIFIERS = frozenset(
    words(
        "a achieved after best confirmed continued currently durable excellent extracranial extracranially imaging "
        "initial initially later maintained ongoing overall per persistent radiographic recist sustained "
        "subsequent the to with clinically clinical at for in"
    )
)
_LATER_LAST = re.compile(r"\s*(?:,|->|→)?\s*\b(?:then|followed by|and then|subsequently)\b\s*|\s*(?:->|→)\s*")
_LATER_FIRST = re.compile(r"\s+\b(?:after|following)\b\s+(?:an? )?(?:initial |prior |brief )?")
_TREATED = re.compile(r"\s+(?:to|on|with|after|following)\s+")
_ALTERNATIVES = re.compile(r"\s*/\s*")
# A part that answers says nothing of the whole disease; a part that grows is progression of the whole.
_PART = re.compile(
    r"\b(?:(?:extra|intra)?cranial(?:ly)?|cns|brain|cerebral|liver|hepatic|lungs?|pulmonary|bones?|osseous|skeletal|"
    r"nod(?:es?|al)|peritoneal|adrenals?|local(?:ly)?|loco-?regional(?:ly)?|distant|primary|breast|axilla(?:ry)?|skin|"
    r"visceral|marrow|abdom(?:en|inal(?:ly)?)|pelvi[cs]|chest|thora(?:x|cic)|mediastin(?:um|al)|spin(?:e|al)|pancrea\w+|renal|kidneys?|"
    r"splen\w+|pleura\w*|ovar\w+|uter\w+|rectal|colon\w*|bladder|prostat\w+|leptomening\w+|ocular|thyroid|neck)\b"
)
_IMAGED = re.compile(r"\b(?:radio\w+|imag\w+|ct|mri|pet|scans?|lesions?|tumou?rs?|nodes?|mass(?:es)?|size|shrinkage)\b")
_LOINC = "http://loinc.org"
_OF_ANY_PART = frozenset(
    {
        "biochemical-progression",
        "pathologic-complete-response",
        "pathologic-partial-response",
        "progressive-disease",
        "recurrence",
    }
)
_OF_TREATMENT = frozenset(
    words(
        "therapy treatment and plus + with the line first second third prior initial maintenance adjuvant braf mek then"
    )
)
_ALMOST = re.compile(
    r"\b(?:near|nearly|almost|incomplete|suspected|possible|probable|equivocal)\b|^(?:prior|previous|earlier|former)\)",
    re.IGNORECASE,
)
_UNNAMED = frozenset({"therapy", "treatment"})  # "response to treatment"
_REMISSION = frozenset(
    {
        "complete-metabolic-response",
        "complete-response",
        "full-remission",
        "no-evidence-of-disease",
        "no-measurable-disease",
        "pathologic-complete-response",
        "remission",
        "undetectable-psa",
    }
)


def code_response(value: str, tables: Tables) -> Concept:
    """The Concept of a response: ``code`` SNOMED CT, then the RECIST answer of LOINC."""
    table = tables["responses"]
    hit = _find(value, table, tables)
    if hit is None and _ALMOST.search(value.partition("(")[2]):  # "complete response (near-complete)"
        return text_only(value)
    if hit is None and (parts := parenthesised(plain(value))) is not None and "patholog" in parts[1]:
        hit = _find(" ".join(reversed(parts)), table, tables) or _find(
            parts[1], table, tables
        )  # of the specimen, which RECIST does not judge
        if hit is None:
            return text_only(value)
    if hit is None and (parts := parenthesised(plain(value))) is not None:
        outer, inner = (_find(part, table, tables) for part in parts)
        if _LATER_FIRST.match(f" {parts[1]} "):
            hit = _find(" ".join(parts), table, tables)
        elif outer is not None and (
            _same(outer, inner) if inner else not (any(table.named(parts[1])) or denies(parts[1]))
        ):
            hit = Hit(outer.entry, "rule")
    if hit is None or (hit.entry.slug not in _OF_ANY_PART and _PART.search(plain(value))):
        return text_only(value)
    if (parts := parenthesised(plain(value))) is not None and _by_marker(parts[1], tables):
        hit = Hit(replace(hit.entry, codings=_of_the_course(hit.entry)), hit.match)
    return as_concept(hit)


def _by_marker(remark: str, tables: Tables) -> bool:
    """Whether a remark tells a tumour marker and no image: "rising PSA". RECIST 1.1 judges by lesions alone."""
    markers = tables.tables.get("biomarkers")
    return markers is not None and any(markers.named(remark)) and not _IMAGED.search(remark)


def _of_the_course(entry: Entry) -> Mapping[str, tuple[Coding, ...]]:
    """The entry's codings without the RECIST answers."""
    kept = {role: tuple(c for c in found if c.system != _LOINC) for role, found in entry.codings.items()}
    return {role: found for role, found in kept.items() if found}


def _find(text: str, table: Table, tables: Tables) -> Hit | None:
    if (found := table.find(text)) is not None:
        return Hit(*found)
    text = plain(text)
    bare, _ = without(text, _MODIFIERS)
    if bare and (found := table.find(bare)) is not None:
        return Hit(found[0], "rule")
    entry = _latest(text, table, tables) or _treated(text, table, tables) or _agreed(text, table, tables)
    return Hit(entry, "rule") if entry else None


def _latest(text: str, table: Table, tables: Tables) -> Entry | None:
    """The later of several statuses in an order that the text tells."""
    for separator, index in ((_LATER_LAST, -1), (_LATER_FIRST, 0)):
        steps = [step for step in separator.split(text, maxsplit=0 if index else 1) if step]
        if len(steps) > 1 and separator.search(text):
            known = [_find(step, table, tables) for step in steps]
            latest = known[index]
            return latest.entry if latest is not None and all(known) else None
    return None


def _treated(text: str, table: Table, tables: Tables) -> Entry | None:
    """The status in "partial response to osimertinib": what follows names a treatment and no other status."""
    status, *rest = _TREATED.split(text, 1)
    if not rest:
        return None
    untold = tables["treatments"].without_named(rest[0])
    if (untold == rest[0] and not _UNNAMED & set(words(untold))) or without(untold, _OF_TREATMENT)[0]:
        return None
    hit = _find(status, table, tables)
    return hit.entry if hit else None


def _agreed(text: str, table: Table, tables: Tables) -> Entry | None:
    """The first of "X / Y", where both are known and mean the same course."""
    steps = _ALTERNATIVES.split(text)
    hits = [_find(step, table, tables) for step in steps] if len(steps) > 1 else [None]
    first = hits[0]
    return first.entry if first and all(hit and _same(first, hit) for hit in hits) else None


def _same(one: Hit, other: Hit) -> bool:
    if {one.entry.slug, other.entry.slug} <= _REMISSION:
        return True
    codes = [{coding_key(c) for c in hit.entry.codings.get("code", ())} for hit in (one, other)]
    return bool(codes[0] & codes[1])
