"""From coded facts to FHIR resources, by the templates of a mapping."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medie_fhir.errors import RenderError
from medie_fhir.mapping.compile import Compiler
from medie_fhir.mapping.envelope import wrap
from medie_fhir.mapping.file import MappingFile, Template
from medie_fhir.mapping.template import NOTHING, Node, Place, Scope, Unrenderable, to_leaves, untraced
from medie_fhir.mapping.validity import Validity
from medie_fhir.model import CodedFact, ExtractionRecord, Fact, Json

__all__ = ["Draft", "drafts", "effective", "rehearsed", "render", "says_anything"]

_ELEMENT = re.compile(r"[a-z][A-Za-z]*(?:\.\w+)*(?=: | is | needs | goes )")
_DAY_OR_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))?")


def render(
    record: ExtractionRecord,
    facts: Sequence[CodedFact],
    mapping: MappingFile,
    *,
    source: Json,
    recorded: str,
    system: str,
    apart: Collection[str] = (),
) -> list[Json]:
    """The complete resources of all written facts, in the templates' order.

    ``source`` is the Reference to the document, ``recorded`` the instant of the work, ``system`` the identifier system
    of facts, ``apart`` the references that ``%primary`` may not be, to what is another patient's by now. Raises
    RenderError, naming the template, for one that fails or makes no valid R4 resource.
    """
    made: list[Json] = []
    for draft in drafts(record, facts, mapping, source=source, recorded=recorded, apart=apart):
        complete = wrap(draft.resource, draft.fact.fact, resource_id=draft.id, system=system, source=source)
        _must_be_valid(complete, draft.template)
        made.append(complete)
    return made


@dataclass(frozen=True, slots=True)
class Draft:
    """What a template makes of a fact, before the engine adds its part; ``id`` is that of the resource."""

    template: Template
    fact: CodedFact
    id: str
    resource: Json


def drafts(
    record: ExtractionRecord,
    facts: Sequence[CodedFact],
    mapping: MappingFile,
    *,
    source: Json,
    recorded: str,
    apart: Collection[str] = (),
    traced: bool = False,
) -> Iterator[Draft]:
    """What the templates make, in their order; ``traced``: with Origins in it. Raises RenderError."""
    written = [f for f in facts if f.written]
    note = _of_the_note(record, source, recorded)
    primaries = _primaries(written, mapping, note)
    parts: dict[str, int] = {}
    for template in mapping.templates:
        for fact in written:
            if fact.fact.field != template.field:
                continue
            primary = _primary(fact.fact, primaries, mapping)
            variables = note | _of_the_fact(fact) | {"primary": None if primary in apart else _reference(primary)}
            resource = _one(template, variables, fact, traced=traced)
            if resource is not None:
                part = parts[fact.id] = parts.get(fact.id, -1) + 1
                yield Draft(template, fact, fact.id if part == 0 else f"{fact.id}-{part}", resource)


def rehearsed(
    template: Template, fact: CodedFact, record: ExtractionRecord, *, source: Json, recorded: str, primary: Json | None
) -> Json | None:
    """What one template makes of a fact whose ``%primary`` is given, before the engine adds its part.

    Raises RenderError where it fails, or where the complete resource is no valid R4.
    """
    variables = _of_the_note(record, source, recorded) | _of_the_fact(fact) | {"primary": primary}
    resource = _one(template, variables, fact, traced=False)
    if resource is not None:
        complete = wrap(resource, fact.fact, resource_id=fact.id, system="urn:sample", source=source)
        _must_be_valid(complete, template)
    return resource


def says_anything(
    record: ExtractionRecord, facts: Sequence[CodedFact], mapping: MappingFile, *, source: Json, recorded: str
) -> bool:
    """Whether ``render`` would make any resource, without making them. Raises RenderError."""
    written = [f for f in facts if f.written]
    note = _of_the_note(record, source, recorded)
    primaries = _primaries(written, mapping, note)

    def applies(template: Template, fact: CodedFact) -> bool:
        primary = _reference(_primary(fact.fact, primaries, mapping))
        return _applies(template, note | _of_the_fact(fact) | {"primary": primary}, fact)

    return any(t.field == f.fact.field and applies(t, f) for t in mapping.templates for f in written)


def effective(record: ExtractionRecord) -> str | None:
    """When the note speaks of: its period's start, else its date; to the day at least, else None (us-core-1)."""
    document = record.document
    for moment in ((document.period or {}).get("start"), document.date):
        if isinstance(moment, str) and len(moment) >= len("2026-01-01"):
            return moment if _DAY_OR_INSTANT.fullmatch(moment) else moment[:10]
    return None


def _of_the_note(record: ExtractionRecord, source: Json, recorded: str) -> Json:
    return {
        "document": record.document.model_dump(mode="json", exclude_none=True),
        "subject": record.document.subject,
        "effective": effective(record),
        "recorded": recorded,
        "source": source,
        "primary": None,
    }


def _primaries(written: Sequence[CodedFact], mapping: MappingFile, note: Json) -> dict[str, int | None]:
    """The references of the resources that the note's primary diagnoses become, each with its group.

    Of several that templates make of one fact, it is the first: the one that has the fact's own id.
    """
    templates = [template for template in mapping.templates if template.field == mapping.primary_field]
    found: dict[str, int | None] = {}
    for fact in written:
        if fact.fact.field == mapping.primary_field:
            variables = note | _of_the_fact(fact)
            first = next((t for t in templates if _applies(t, variables, fact)), None)
            if first is not None:
                found[f"{first.resource['resourceType']}/{fact.id}"] = fact.fact.group
    return found


def _primary(fact: Fact, primaries: dict[str, int | None], mapping: MappingFile) -> str | None:
    """Which the one primary diagnosis is, or the one of the fact's group; never one of another group."""
    if fact.field == mapping.primary_field:
        return None
    only = len(primaries) == 1 and fact.group is None
    of_it = list(primaries) if only else [r for r, group in primaries.items() if group == fact.group is not None]
    return of_it[0] if len(of_it) == 1 else None


def _reference(place: str | None) -> Json | None:
    return None if place is None else {"reference": place}


def _of_the_fact(fact: CodedFact) -> Json:
    concept = fact.concept
    return {
        "fact": fact.fact.model_dump(mode="json", exclude_none=True),
        "concept": {
            "key": concept.key,
            "match": concept.match,
            "codings": {
                role: [c.model_dump(exclude_none=True) for c in codings] for role, codings in concept.codings.items()
            },
            "attributes": {n: [*v] if isinstance(v, tuple) else v for n, v in concept.attributes.items()},
        },
    }


def _one(template: Template, variables: Json, fact: CodedFact, *, traced: bool) -> Json | None:
    if not _applies(template, variables, fact):
        return None
    resource = _made(template.once(_compiled).resource, variables, template, fact, traced=traced)
    if traced:
        resource = to_leaves(resource)
    if not isinstance(resource, dict) or untraced(resource.get("resourceType")) != template.resource["resourceType"]:
        raise _failure(template, fact, ("resource",), "makes no resource of the type that it names")
    _fits_the_engines_part(resource, template, fact)
    return resource


def _fits_the_engines_part(resource: Json, template: Template, fact: CodedFact) -> None:
    """Raise RenderError where the engine's elements (see ``envelope``) can't be added to the template's."""
    places: tuple[tuple[Json, Place, type], ...] = (
        (resource, ("meta",), dict),
        (resource, ("extension",), list),
        (resource, ("identifier",), list),
    )
    if isinstance(resource.get("meta"), dict):
        places += ((resource["meta"], ("meta", "security"), list),)
    if "id" in resource:
        raise _failure(
            template, fact, ("resource", "id"), "the engine gives the id, the same at each reading: leave it out"
        )
    for around, path, kind in places:
        if path[-1] in around and not isinstance(around[path[-1]], kind):
            due = "a list" if kind is list else "an object"
            raise _failure(template, fact, ("resource", *path), f"{path[-1]} must be {due}")


def _applies(template: Template, variables: Json, fact: CodedFact) -> bool:
    when = template.once(_compiled).when
    if when is None:
        return True
    holds = _made(when, variables, template, fact)
    if holds is not NOTHING and not isinstance(holds, bool):
        raise _failure(template, fact, ("when",), f"'{template.when}' gives neither true nor false")
    return holds is True


def _made(node: Node, variables: Json, template: Template, fact: CodedFact, *, traced: bool = False) -> Any:
    try:
        return node.make(Scope(variables, {}, traced))
    except Unrenderable as failed:
        raise _failure(template, fact, failed.place, failed.what) from None


def _failure(template: Template, fact: CodedFact, place: Place, what: str) -> RenderError:
    return RenderError(f"{template.where(*place)}: template '{template.name}' ({fact.fact.field}): {what}")


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A template's nodes."""

    resource: Node
    when: Node | None


def _compiled(template: Template) -> _Compiled:
    compiler = Compiler()
    when = None if template.when is None else compiler.template(f"{{{{ {template.when} }}}}", ("when",))
    return _Compiled(compiler.template(template.resource, ("resource",)), when)


_VALIDITY = Validity()


def _element(fault: str, resource: Json) -> Place:
    """The path of the element that a fault begins with, as far as it is told."""
    found = _ELEMENT.match(fault.removeprefix(f"{resource['resourceType']}."))
    return tuple(int(step) if step.isdigit() else step for step in found[0].split(".")) if found else ()


def _must_be_valid(resource: Json, template: Template) -> None:
    """Raise RenderError, naming elements and never values, unless the resource is R4 and keeps our shape rules."""
    if wrong := _VALIDITY.faults(resource):
        where, kind = template.where("resource", *_element(wrong[0], resource)), resource["resourceType"]
        raise RenderError(f"{where}: template '{template.name}' makes no valid {kind}: {'; '.join(wrong)}")
