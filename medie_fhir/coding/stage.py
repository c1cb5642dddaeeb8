"""stage: group (generic, AJCC, FIGO, Ann Arbor), T/N/M categories, limited or extensive, grade.

A bare "stage IV" is generic: nothing says by which system it was staged. AJCC, FIGO and Ann Arbor are taken only where
the value, or the evidence around it, names them. T, N and M are coded only where c (clinical) or p (pathologic) stands.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from medie_fhir.coding.lookup import Hit, as_concept, denies, text_only
from medie_fhir.coding.tables import Tables
from medie_fhir.coding.wording import parenthesised, plain, words
from medie_fhir.model import Coding, Concept

__all__ = ["code_stage"]

_COURSE = frozenset(words("advanced disease locally metastatic recurrent unresectable"))
_ROMAN = {"0": "0", "1": "i", "2": "ii", "3": "iii", "4": "iv"}
_GROUP = re.compile(r"^(?P<roman>0|iv|i{1,3}|[1-4])\s*(?P<sub>[a-d])?\s*(?P<digit>[1-3])?$")
_LYMPHOMA = re.compile(r"^(?P<roman>iv|i{1,3}|[1-4])\s*(?P<suffix>[abesx]{1,3})?$")
_EXTRANODAL = re.compile(r"^(?:iv|i{1,3}|[1-4])\s*[abx]?e[abx]?$")  # only Ann Arbor has an E
_FILLER = re.compile(
    r"\b(?:stage[ds]?|stg|group(?:ing)?|clinical(?:ly)?|patholog(?:ic|ical|ically)|prognostic|anatomic(?:al)?|overall|disease|"
    r"at diagnosis|initial(?:ly)?|cancer|tumor|figo|ajcc|uicc|tnm|ann arbor|lugano|(?:[6-9]th )?(?:edition|version|ed)|"
    r"[6-9]th|by|per|the|v[6-9])\b[.,:]?"
)
_EDITION = re.compile(r"ajcc\D{0,12}([6-9])\s*(?:th)?|([6-9])th (?:edition|version|ed)\b.*ajcc")
_GRADE = re.compile(r"^(?:who |nottingham |histologic(?:al)? |fnclcc )*grade (?P<grade>iv|i{1,3}|[1-5])$")
_GRADE_BARE = re.compile(r"^g[1-4]$")
_T = r"(?P<tc>y?[cpar]?)t(?P<t>is|x|[0-4][a-d]?(?:mi)?)"
_N = r"(?P<nc>y?[cp]?)n(?P<n>x|[0-3][a-c]?(?:mi)?)"
_M = r"(?P<mc>y?[cp]?)m(?P<m>x|[01][a-d]?)"
_GAP = r"[\s,;/]*(?:\((?:\d+/\d+|sn|i[+-]|mol[+-]|mp)\))?[\s,;/]*"
_TNM = re.compile(rf"^(?:{_T})?{_GAP}(?:{_N})?{_GAP}(?:{_M})?{_GAP}$")


def code_stage(value: str, tables: Tables, evidence: str | None = None) -> Concept:
    """The Concept of a stage: ``code``, ``observation``, ``method``; ``t``, ``n``, ``m``; attribute ``kind``."""
    text = plain(value).replace("(mi)", "mi")
    if (concept := _whole(text, tables, evidence)) is not None:
        return concept
    parts = parenthesised(text)
    if parts is None:
        return text_only(value)
    outer, inner = (_whole(part, tables, f"{value} {evidence or ''}") for part in parts)
    if outer is not None and inner is not None:
        return _joined(outer, inner)
    if outer is not None and not denies(parts[1]):
        return outer
    return inner if inner is not None and set(words(parts[0])) <= _COURSE else text_only(value)


def _whole(text: str, tables: Tables, evidence: str | None) -> Concept | None:
    context = f"{text} {plain(evidence or '')}"
    if (grade := _GRADE.match(text) or _GRADE_BARE.match(text)) is not None:
        return _of_kind(Concept(key=f"text|{grade.group()}", match="rule"), "grade", tables)
    if (tnm := _tnm(text, tables)) is not None:
        return tnm
    if (found := tables["stages"].find(text)) is not None and found[0].kind == "limited-extensive":
        return _of_kind(as_concept(Hit(*found)), "limited-extensive", tables)
    return _group(text, context, tables)


def _group(text: str, context: str, tables: Tables) -> Concept | None:
    rest = " ".join(_FILLER.sub(" ", text.replace("-", " ")).split())
    table, family = tables["stages"], _family(context)
    basis = "pathologic" if "pathologic" in text else "clinical" if "clinical" in text else None
    attributes: dict[str, Any] = {"basis": basis} if basis else {}
    if family == "lymphoma" and (match := _LYMPHOMA.match(rest)) is not None:
        group = _ROMAN.get(match["roman"], match["roman"])
        attributes |= {"suffix": match["suffix"].upper()} if match["suffix"] else {}
    elif family == "generic" and (match := _EXTRANODAL.match(rest)) is not None:
        return _group(f"{text} ann arbor", f"{context} ann arbor", tables)
    elif (match := _GROUP.match(rest)) is not None:
        group = _ROMAN.get(match["roman"], match["roman"]) + (match["sub"] or "") + (match["digit"] or "")
    else:
        return None
    entry = table.entries.get(f"{family}-{group}") or table.entries.get(f"generic-{group}")
    if entry is None:
        return None
    found = table.find(text)
    how = found[1] if found is not None and found[0] is entry else "rule"
    concept = as_concept(Hit(entry, how), attributes=attributes)
    method = _method(context, tables) if entry.kind == "tnm-group" else ()
    made = _of_kind(concept, entry.kind or "generic", tables, method=method, basis=basis)
    if "lugano" in context:  # not by Ann Arbor, and no table has a code for it by itself
        made = replace(made, codings={role: codings for role, codings in made.codings.items() if role != "method"})
    return made


def _family(context: str) -> str:
    if "figo" in context:
        return "figo"
    if "ajcc" in context or "uicc" in context:
        return "ajcc" if "ajcc" in context else "generic"
    return "lymphoma" if "ann arbor" in context or "lugano" in context else "generic"


def _method(context: str, tables: Tables) -> tuple[Coding, ...]:
    match = _EDITION.search(context)
    if match is None:
        return ()
    return tables["stages"].entries[f"ajcc-{match[1] or match[2]}"].codings["method"]


def _of_kind(
    concept: Concept, kind: str, tables: Tables, *, method: tuple[Coding, ...] = (), basis: str | None = None
) -> Concept:
    """The Concept with the codings of its kind: what the Observation is of, and by which method."""
    entries = tables["stages"].entries
    own = entries[f"{kind}-{basis}" if kind == "tnm-group" and basis else kind].codings
    codings = {**concept.codings, "observation": own["observation"]}
    if method or "method" in own:
        codings["method"] = method or own["method"]
    return Concept(concept.key, codings, {**concept.attributes, "kind": kind}, concept.match, concept.row)


def _tnm(text: str, tables: Tables) -> Concept | None:
    match = _TNM.match(text)
    if match is None or not (match["t"] or match["n"] or match["m"]):
        return None
    t_prefix = match["tc"] or ""
    prefixes = {
        "t": t_prefix,
        "n": match["nc"] or t_prefix,
        # pM0 is none of the categories: without a word it is clinical, save in an autopsy or a recurrence
        "m": match["mc"] or ("c" if t_prefix.endswith(("c", "p")) else t_prefix),
    }
    entries = tables["stages"].entries
    codings: dict[str, tuple[Coding, ...]] = {}
    attributes: dict[str, Any] = {"kind": "tnm"}
    for axis in ("t", "n", "m"):
        if match[axis] is None:
            continue
        digits = match[axis].upper() if match[axis] == "x" else match[axis]
        attributes[axis] = f"{prefixes[axis]}{axis.upper()}{digits}"
        entry = entries.get(f"{prefixes[axis]}{axis}{match[axis]}")
        if entry is not None:
            codings[axis] = entry.codings[axis]
        observed = entries.get(f"axis-{prefixes[axis]}{axis}") or entries[f"axis-{axis}"]
        codings[f"{axis}_observation"] = observed.codings["observation"]
    codings["observation"] = entries["tnm"].codings["observation"]
    key = "".join(str(attributes[axis]) for axis in ("t", "n", "m") if axis in attributes)
    return Concept(f"text|{key}", codings, attributes, "rule")


def _joined(outer: Concept, inner: Concept) -> Concept:
    """The group with its categories, of "II (cT2N0M0)"; the finer of the two, of "I (IB)"; else the first."""
    if inner.attributes["kind"] == "tnm" and outer.attributes["kind"] != "tnm":
        return Concept(
            outer.key, {**inner.codings, **outer.codings}, {**inner.attributes, **outer.attributes}, "rule", outer.row
        )
    if outer.attributes["kind"] == "tnm" and inner.attributes["kind"] != "tnm":
        return _joined(inner, outer)
    finer = (inner.row or "").partition("-")[2].startswith((outer.row or "").partition("-")[2])
    return inner if finer and inner.row else outer
