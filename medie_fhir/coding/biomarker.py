"""biomarker: a marker and its result, which is a word (positive), a number with unit (50 %), or both.

The marker's LOINC code is the one of the result's kind: qualitative for a word, quantitative for a number in one of the
marker's units. No component is ever inferred: "triple negative" stays text, and so does what names two markers.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from medie_fhir.coding.lookup import coding_key, denies, text_only
from medie_fhir.coding.quantity import Quantity, find_quantity
from medie_fhir.coding.tables import Entry, Named, Table, Tables
from medie_fhir.coding.wording import parenthesised, plain
from medie_fhir.model import Coding, Concept

__all__ = ["code_biomarker"]

_IMPLIED = {"msi-high": "msi", "msi-stable": "msi", "msi-low": "msi", "mmr-deficient": "mmr", "mmr-proficient": "mmr"}
_ASPECTS = re.compile(
    r"\b(?:over)?express(?:ion|ed|ing)\b|\bamplifi(?:cation|ed)\b|\bmethylat(?:ion|ed)\b|\brearranged\b|\bpresent\b|\bdetected\b"
)
_SCORE = re.compile(r"(?<![\d.])([0-3])\s*\+(?![\w+])")
_SIGN = re.compile(r"^\s*\(?\s*([+-])\s*\)?\s*$|^\s*([+])")
_METHODS = {
    "fish": re.compile(r"\bfish\b"),
    "ihc": re.compile(r"\bihc\b|\bimmunohistochemistry\b|\bimmunostain(?:ing)?\b"),
}
_SCORED = "her2"  # of which the score of the stain is the result
_STAINS = ("score-", "intensity-")  # results of a stain, and of no count of genes
_STRONG = frozenset({"score-3", "intensity-3"})
_ALL = 100  # per cent of the cells
_UNITY = "1"  # UCUM
_SHARE = re.compile(r"\btps\b|\btumor proportion score\b")  # a percentage, though no sign says so
_TWO_LETTERS = 2  # "ER" and "PR" alone are also a room and a response
_RATIO = re.compile(r"\bratio\b")
_FILLER = re.compile(
    r"\b(?:by|on|of|in|at|was|is|the|a|an|and|for|with|tps|tumor proportion score|ihc|fish|ish|ngs|pcr|"
    r"immunohistochemistry|immunostain(?:ing)?|score|levels?|serum|status|result|tumor|cells?|nuclei|staining|stain|strong|strongly|weak|weakly|"
    r"moderate|diffuse|diffusely|baseline|initial|initially|diagnosis|pre-?op(?:erative)?|pre-?treatment|"
    r"post-?op(?:erative)?|tissue|blood|receptor|gene|copy|number|index|value|expression|expressing|peak|nadir|ratio|about|"
    r"approximately|tested|microsatellite|mutation|burden|mutational)\b|[:=~,;./()\[\]-]"
)


class _Result(NamedTuple):
    entry: Entry | None
    quantity: Quantity | None


def code_biomarker(value: str, tables: Tables, evidence: str | None = None) -> Concept:
    """The Concept of a marker's result: ``code`` LOINC, ``value``; attributes ``marker``, ``result``, ``quantity``.

    Where ``evidence`` names another marker instead, or another kind of it, the value has lost a word ("PD-L1 CPS 15" is
    read as "PD-L1 15"), and is text only.
    """
    concept = _of_value(value, tables)
    named = [hit.entry for hit in tables["biomarkers"].named(plain(evidence or ""))]
    if concept.row is None or not named:
        return concept
    markers = tables["biomarkers"]
    own = markers.entries[concept.row.partition(":")[2]]
    kin = [entry for entry in named if _family(entry, markers) == _family(own, markers)]
    agree = kin and all(entry.codings.get("quantity") == own.codings.get("quantity") for entry in kin)
    return concept if agree else text_only(value)


def _family(entry: Entry, table: Table) -> str:
    """The marker that an entry is a kind of: PD-L1 of its clones and scores."""
    return next((slug for slug in entry.words.get("is-a", ()) if slug in table.entries), entry.slug)


def _of_value(value: str, tables: Tables) -> Concept:
    text = plain(value)
    whole = text.replace("(", " ").replace(")", " ") if parenthesised(text) else text
    concept = _parsed(whole, value, tables)
    if concept is None and (parts := parenthesised(text)) is not None and not denies(parts[1]):
        concept = _parsed(parts[0], value, tables)
        if concept is not None and not _stands(concept, parts[1], tables):
            concept = None
    return concept or text_only(value)


def _stands(concept: Concept, remark: str, tables: Tables) -> bool:
    """Whether a result is told outside of the parentheses, and nothing inside takes it back or says whose it is.

    "high (normalized)", "PD-L1 50% (CPS)".
    """
    if any(hit.entry.name != concept.attributes["marker"] for hit in tables["biomarkers"].named(remark)):
        return False
    table = tables["biomarker_results"]
    told = {"result_code", "quantity"} & concept.attributes.keys()
    inside = {hit.entry.slug for hit in table.named(remark) if not _ASPECTS.fullmatch(remark[hit.start : hit.end])}
    both = len(told) > 1 and find_quantity(remark) is not None  # "elevated (12 ng/mL), nadir 0.2 ng/mL"
    return bool(told) and not both and inside <= {concept.attributes.get("result_code")}


def _parsed(text: str, value: str, tables: Tables) -> Concept | None:
    marker, rest, implied = _marker(text, tables)
    if marker is None:
        return None
    result = _result(rest, marker, tables["biomarker_results"]) if implied is None else _implied(rest, implied)
    if result is None or (len(text.strip()) <= _TWO_LETTERS and result == (None, None)):
        return None
    return _concept(marker, result, text, value)


def _marker(text: str, tables: Tables) -> tuple[Entry | None, str, Entry | None]:
    """The marker, the text without it, and the result that the name implies (MSI-H). None where two are named."""
    results, markers = tables["biomarker_results"], tables["biomarkers"]
    implied = {hit.entry.slug: hit.entry for hit in results.named(text) if hit.entry.slug in _IMPLIED}
    named = list(markers.named(text))
    entries = {hit.entry.slug: hit.entry for hit in named}
    if implied:
        entries = {slug: entry for slug, entry in entries.items() if slug not in ("msi", "mmr")}
        if entries:
            return None, text, None
        slugs = set(implied)
        if slugs not in ({"msi-high", "mmr-deficient"}, {"msi-stable", "mmr-proficient"}) and len(slugs) != 1:
            return None, text, None
        slug = min(slugs, key=lambda s: s.startswith("mmr"))
        rest = _cut(text, [hit for hit in results.named(text) if hit.entry.slug in implied])
        return markers.entries[_IMPLIED[slug]], markers.without_named(rest), implied[slug]
    if len(entries) != 1:
        return None, text, None
    first = named[0]
    tail = markers.without_named(text[first.end :])
    return next(iter(entries.values())), f"{text[: first.start]} {tail}".strip(), None


def _cut(text: str, hits: list[Named]) -> str:
    for _, start, end in reversed(hits):
        text = f"{text[:start]} {text[end:]}"
    return text


def _implied(rest: str, entry: Entry) -> _Result | None:
    return None if _FILLER.sub("", rest).strip() else _Result(entry, None)


def _result(rest: str, marker: Entry, table: Table) -> _Result | None:
    """What stands beside the marker, where every word of it is known."""
    entries: dict[str, Entry] = {}
    if (sign := _SIGN.match(rest)) is not None:
        slug = "positive" if "+" in sign.group() else "negative"
        entries[slug] = table.entries[slug]
        rest = rest[sign.end() :]
    if (score := _SCORE.search(rest)) is not None:
        kind = "score" if marker.slug == _SCORED else "intensity"
        slug = f"{kind}-{score[1]}" if score[1] != "0" else "negative"
        entries[slug] = table.entries[slug]
        rest = _SCORE.sub(" ", rest, 1)
    quantity = find_quantity(rest)
    if quantity is not None:
        rest = f"{rest[: quantity.start]} {rest[quantity.end :]}"
    hits = [(rest[hit.start : hit.end], hit.entry) for hit in table.named(rest)]
    stated = [entry for wording, entry in hits if not _ASPECTS.fullmatch(wording)]
    entries |= {entry.slug: entry for entry in stated or [entry for _, entry in hits]}
    rest = table.without_named(rest)
    if _FILLER.sub("", _ASPECTS.sub(" ", rest)).strip() or any(slug in _IMPLIED for slug in entries):
        return None
    if "positive" in entries and not _STRONG.isdisjoint(entries):
        entries.pop("positive")
    if len(entries) > 1 or (quantity is not None and not _possible(quantity, entries.keys())):
        return None
    if quantity is not None and marker.slug == _SCORED and quantity.unit is None and not _RATIO.search(rest):
        if quantity.value != 0 or entries.keys() - {"negative"}:
            return None
        return _Result(table.entries["negative"], None)
    return _Result(next(iter(entries.values()), None), quantity)


def _possible(quantity: Quantity, words: Collection[str]) -> bool:
    """Whether a number can stand beside a result: "12 ng/mL (post-op undetectable)" tells two times, 120 % nothing."""
    below = quantity.comparator in ("<", "<=") or quantity.value == 0
    return not (quantity.unit == "%" and quantity.value > _ALL) and (below or "undetectable" not in words)


def _concept(marker: Entry, result: _Result, text: str, value: str) -> Concept:
    entry, quantity = result
    codings: dict[str, tuple[Coding, ...]] = {}
    attributes: dict[str, Any] = {"marker": marker.name, "result": value}
    code = marker.codings.get("code", ())
    for method, pattern in _METHODS.items():
        scored = method == "fish" and entry is not None and entry.slug.startswith(_STAINS)
        if pattern.search(text) and method in marker.codings and not scored:
            code = marker.codings[method]
    if quantity is not None:
        attributes["quantity"] = quantity.as_attribute()
        numeric = _numeric(marker, quantity, text)
        if entry is None:
            code = numeric
        elif numeric:
            codings["quantity"] = numeric
    elif entry is None:
        code = code or marker.codings.get("quantity", ())
    if code:
        codings["code"] = code
    if entry is not None:
        attributes["result_code"] = entry.slug
        if "value" in entry.codings:
            codings["value"] = entry.codings["value"]
    identity = coding_key(code[0]) if code else f"text|{marker.slug}"
    parts = [identity, entry.slug if entry is not None else _quantity_key(quantity)]
    return Concept("|".join(p for p in parts if p), codings, attributes, "rule", marker.row)


def _numeric(marker: Entry, quantity: Quantity, text: str) -> tuple[Coding, ...]:
    """The marker's code for numbers, where the unit is one of its own: a LOINC code has one kind of property.

    A number without a unit has the unit 1, and is none of a mass, a share or a count in a volume.
    """
    if _RATIO.search(text) and "ratio" in marker.codings:
        return marker.codings["ratio"]
    units = {unit.code for unit in marker.codings.get("unit", ())}
    unit = quantity.unit or ("%" if _SHARE.search(text) else _UNITY)
    return marker.codings.get("quantity", ()) if unit in units else ()


def _quantity_key(quantity: Quantity | None) -> str:
    if quantity is None:
        return ""
    return f"{quantity.comparator or ''}{quantity.value} {quantity.unit or ''}".strip()
