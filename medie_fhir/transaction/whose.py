"""Whose a note's resources are, where a new version of it is another patient's (docs/adr/0010).

What nobody has edited follows the note, and what a person has edited stays where they left it: nothing that is written
for the one patient may then refer to what is the other's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from medie_fhir.model import DocumentInfo, Json
from medie_fhir.transaction.judged import judged
from medie_fhir.transaction.stamp import relative
from medie_fhir.transaction.standing import Standing, entered_in_error, is_in_error, place

__all__ = ["following", "left_behind", "of_others", "strangers", "without_references"]


def strangers(standing: Standing, document: DocumentInfo, resources: Sequence[Json]) -> frozenset[str]:
    """The references of ``resources`` that stay as someone has left them, and are not known to be the note's patient's.

    Nothing else that is written may refer to them.
    """
    whose = {place(r): _whose(r) for r in resources}
    others = {at for r in standing.resources if (at := place(r)) in whose and whose[at] != _whose(r)}
    return judged(standing, document, resources) & others if others else frozenset()


def of_others(standing: Standing, theirs: Collection[str], document: DocumentInfo) -> frozenset[str]:
    """Those of ``theirs`` (references of what stays as it is) that are not known to be the note's patient's."""
    patient = _whose({"subject": document.subject})
    return frozenset(at for r in standing.resources if (at := place(r)) in theirs and _whose(r) != patient)


def without_references(resource: Json, apart: Collection[str]) -> Json:
    """A resource without its references to ``apart``; it then claims no profile, for one may ask for such a reference.

    What names a resource by an extension, or as the only one of a list, goes with it.
    """
    pruned = _pruned(resource, apart)
    if pruned == resource:
        return resource
    return {**pruned, "meta": {k: v for k, v in pruned.get("meta", {}).items() if k != "profile"}}


def _pruned(value: Any, apart: Collection[str]) -> Any:
    """The value, or None where nothing is left of it."""
    if isinstance(value, list):
        return [kept for item in value if (kept := _pruned(item, apart)) is not None] or None
    if not isinstance(value, dict):
        return value
    if isinstance(named := value.get("reference"), str) and relative(named) in apart:
        return None
    kept = {k: part for k, v in value.items() if (part := _pruned(v, apart)) is not None}
    return None if kept.keys() == {"url"} != value.keys() else kept


def left_behind(standing: Standing, held: Collection[str], document: DocumentInfo) -> list[Json]:
    """What was taken back before, and is of another patient than the note; not what is ``held`` (references)."""
    gone = (r for r in standing.resources if place(r) not in held and is_in_error(r))
    return [entered_in_error(r) for r in gone if _is_anothers(r, document)]


def following(resource: Json, document: DocumentInfo) -> Json:
    """A resource of the note as its patient's; without the encounter, which was the other's."""
    if not _is_anothers(resource, document):
        return resource
    name = "patient" if "patient" in resource else "subject"
    return {**{k: v for k, v in resource.items() if k != "encounter"}, name: document.subject}


def _is_anothers(resource: Json, document: DocumentInfo) -> bool:
    """Whether a resource says that it is of another patient; one that says of nobody whose it is, is not."""
    theirs, notes = _whose(resource), _whose({"subject": document.subject})
    return None not in (theirs, notes) and theirs != notes


def _whose(resource: Json) -> str | tuple[str | None, str] | None:
    """Whom a resource is about: ``Type/id`` where it can be, else the identifier."""
    subject = resource.get("subject") or resource.get("patient") or {}
    if subject.get("reference"):
        return relative(subject["reference"])
    identifier = subject.get("identifier") or {}
    return (identifier.get("system"), identifier["value"]) if identifier.get("value") else None
