"""Look-up of a wording, and how an entry becomes a Concept. Never by likeness: by a table, or by a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from medie_fhir.coding.tables import Entry, Table
from medie_fhir.coding.wording import parenthesised, plain, words
from medie_fhir.model import Coding, Concept

__all__ = ["Hit", "Match", "as_concept", "coding_key", "denies", "find_in_parts", "text_only", "without"]

Match = Literal["exact", "normalised", "synonym", "rule", "none"]

_SIDES = {"7771000": "left", "24028007": "right", "51440002": "bilateral"}  # SNOMED CT
_DENIALS = frozenset(
    {"no", "not", "without", "excluded", "ruled", "benign", "denied", "denies", "unlikely", "or", "versus", "vs"}
)


class Hit(NamedTuple):
    """An entry and how it was reached."""

    entry: Entry
    match: Match


def denies(remark: str) -> bool:
    """Whether a remark in parentheses takes back, or leaves open, what stands before it."""
    return not _DENIALS.isdisjoint(words(remark))


def text_only(value: str, **attributes: Any) -> Concept:
    """The Concept of a wording that has no code: its key is the folded text."""
    return Concept(key=f"text|{plain(value)}", attributes=attributes)


def coding_key(coding: Coding) -> str:
    """``{system}|{code}``."""
    return f"{coding.system}|{coding.code}"


def as_concept(
    hit: Hit, *, attributes: Mapping[str, Any] | None = None, codings: Mapping[str, tuple[Coding, ...]] | None = None
) -> Concept:
    """The Concept of a hit.

    Where the entry has no exact code but a broader one, that is its ``code``, the attribute ``broader`` says so, and
    the key keeps the entry's slug, so that two concepts under one code stay two. Without any code it is the name.
    """
    entry, match = hit
    own = _sided({role: found for role, found in entry.codings.items() if role != "unit"}, codings or {})
    more = dict(attributes or {})
    exact = own.get("code", ())
    if not exact and "broader" in own:
        own["code"] = own.pop("broader")
        more["broader"] = True
        key = f"{coding_key(own['code'][0])}|{entry.slug}"
    else:
        key = coding_key(exact[0]) if exact else f"text|{plain(entry.name)}"
    return Concept(key=key, codings={**own, **(codings or {})}, attributes=more, match=match, row=entry.row)


def _sided(own: dict[str, tuple[Coding, ...]], told: Mapping[str, tuple[Coding, ...]]) -> dict[str, tuple[Coding, ...]]:
    """The codings of an entry, the code of an unspecified side replaced by that of the side that is told.

    Where it is both sides, none is left: a code for two does not exist, and one for an unknown side is not true.
    """
    sided: dict[str, tuple[Coding, ...]] = {role: own.pop(role) for role in ("left", "right") if role in own}
    if not sided or not (side := _SIDES.get(next((c.code for c in told.get("laterality", ())), ""))):
        return own
    systems = {coding.system for codings in sided.values() for coding in codings}
    kept = {r: tuple(c for c in codings if c.system not in systems) for r, codings in own.items()}
    role = "code" if own.get("code", ()) != kept.get("code", ()) else "broader"
    kept[role] = (*kept.get(role, ()), *sided.get(side, ()))
    return {role: codings for role, codings in kept.items() if codings}


def find_in_parts(value: str, table: Table, find: Callable[[str], Hit | None]) -> Hit | None:
    """A wording with one parenthesis: the whole in either order, else the more specific part that is known.

    What is in parentheses and unknown is left out only where what is outside names a concept by itself, and the
    parentheses don't deny it.
    """
    if (hit := find(value)) is not None:
        return hit
    parts = parenthesised(value)
    if parts is None:
        return None
    outer, inner = parts
    for whole in (f"{inner} {outer}", f"{outer} {inner}"):
        if (hit := find(whole)) is not None:
            return Hit(hit.entry, "rule")
    outside, inside = find(outer), find(inner)
    if outside is not None and inside is not None and table.is_a(inside.entry, outside.entry):
        return Hit(inside.entry, "rule")
    if outside is not None and not denies(inner):
        return Hit(outside.entry, "rule")
    return None


def without(value: str, modifiers: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """A wording without its modifiers (whole words), and the modifiers that it had, in their order."""
    known = frozenset(modifiers)
    kept: list[str] = []
    dropped: list[str] = []
    for word in words(value):
        (dropped if word in known else kept).append(word)
    return " ".join(kept), tuple(dropped)
