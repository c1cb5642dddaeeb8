"""Where every element of every resource came from: the mapping's line and expression, or the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medie_fhir.mapping.envelope import AI_CONFIDENCE, wrap
from medie_fhir.mapping.file import MappingFile
from medie_fhir.mapping.render import Draft, drafts
from medie_fhir.mapping.template import Origin, untraced
from medie_fhir.model import AIAST, CodedFact, ExtractionRecord, Fact, Json

__all__ = ["Element", "Explained", "Explanation", "HeldBack", "explain", "leaves"]


@dataclass(frozen=True, slots=True)
class Element:
    """A leaf of a resource. ``path`` is its place there, as in ``code.coding[0].code``.

    ``where`` is the mapping's file, line, column and path, or None for what the engine adds; ``why`` the FHIRPath
    expression (of the mapping), None for what stands there as it is, or what the engine adds it for. ``match`` tells of
    a code how it was reached, ``row`` by which row of the terminology tables; None where a grammar read it.
    """

    path: str
    value: Any
    where: str | None
    why: str | None
    row: str | None = None
    match: str | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """A resource, the template that made it, of which fact, and its elements in its own order."""

    resource: Json
    template: str
    where: str
    fact: CodedFact
    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A fact that became no resource, and why."""

    fact: Fact
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All of one record: what was made of it, and what was not."""

    resources: tuple[Explained, ...]
    held_back: tuple[HeldBack, ...]


def explain(
    record: ExtractionRecord,
    facts: Sequence[CodedFact],
    mapping: MappingFile,
    *,
    source: Json,
    recorded: str,
    system: str,
) -> Explanation:
    """What :func:`medie_fhir.mapping.render` makes of the same, explained. Validity is not asked.

    Raises RenderError for a template that fails.
    """
    made = [
        _explained(draft, source, system)
        for draft in drafts(record, facts, mapping, source=source, recorded=recorded, traced=True)
    ]
    used = {explained.fact.id for explained in made}
    held = [HeldBack(f.fact, f.reason or "not written") for f in facts if not f.written]
    held += [HeldBack(f.fact, "no template makes a resource of it") for f in facts if f.written and f.id not in used]
    held += [
        HeldBack(f, "the mapping has no policy for its field") for f in record.facts if f.field not in mapping.policy
    ]
    return Explanation(tuple(made), tuple(held))


def _explained(draft: Draft, source: Json, system: str) -> Explained:
    complete = wrap(draft.resource, draft.fact.fact, resource_id=draft.id, system=system, source=source)
    codes = _codes(draft.fact)
    elements = tuple(_element(draft, codes, *leaf) for leaf in _leaves(complete, "", {}))
    return Explained(untraced(complete), draft.template.name, draft.template.where("resource"), draft.fact, elements)


def _codes(fact: CodedFact) -> frozenset[tuple[str, str]]:
    return frozenset((c.system, c.code) for codings in fact.concept.codings.values() for c in codings)


def leaves(resource: Json) -> Iterator[tuple[str, Any]]:
    """Every leaf of a resource with its path, written as :attr:`Element.path` is."""
    return ((path, value) for path, value, _ in _leaves(resource, "", {}))


def _leaves(value: Any, path: str, around: Json) -> Iterator[tuple[str, Any, Json]]:
    """Every leaf with its path and the object around it."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(below, f"{path}.{key}" if path else key, value)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _leaves(below, f"{path}[{index}]", around)
    else:
        yield path, value, around


def _element(draft: Draft, codes: frozenset[tuple[str, str]], path: str, leaf: Any, around: Json) -> Element:
    if not isinstance(leaf, Origin):
        return Element(path, leaf, None, _added_for(path, around))
    where, concept = draft.template.where(*leaf.place), draft.fact.concept
    is_code = path.endswith(".code") and (untraced(around.get("system")), leaf.value) in codes
    if is_code and leaf.expression is not None:
        return Element(path, leaf.value, where, leaf.expression, concept.row, concept.match)
    return Element(path, leaf.value, where, leaf.expression)


def _added_for(path: str, around: Json) -> str:
    """Why the engine adds an element (see :mod:`medie_fhir.mapping.envelope`)."""
    if path == "id" or path.startswith("identifier"):
        return "the fact's identity"
    if path == "meta.source":
        return "the note's document"
    if around == AIAST:
        return "a model asserted it"
    return "the model's confidence" if around.get("url") == AI_CONFIDENCE else "where it stands in the note"
