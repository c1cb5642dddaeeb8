"""Our ids on servers that give ids of their own: a mark on what we write, by which it is found again. Pure.

The mark is an ``identifier`` (system ``…/fhir/id``, value: our id); for types that have none in R4, such as Provenance,
a tag of the same system. A reference to such a resource carries the same identifier beside the server's literal
(FHIR R4, references, §2.3.0: "the identifier is of the actual resource"), so that it can be read back without asking.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from medie_fhir.model import Json
from medie_fhir.transaction import BASE

__all__ = [
    "SYSTEM",
    "condition",
    "is_ours",
    "literals",
    "mark_of",
    "marked",
    "mention",
    "mentioned",
    "our_place",
    "query",
    "references",
    "told",
    "urn",
]

SYSTEM = f"{BASE}/id"

_OURS = r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?:-[1-9]\d{0,3})?"
_ID = re.compile(_OURS)
_UUID_LENGTH = 36
_PLACE = re.compile(rf"[A-Z][A-Za-z]+/{_OURS}")
_IDENTIFIED = frozenset(
    """
    AllergyIntolerance BodyStructure CarePlan CareTeam ClinicalImpression Communication Condition Consent Device
    DeviceRequest DeviceUseStatement DiagnosticReport DocumentReference Encounter EpisodeOfCare FamilyMemberHistory
    Flag Goal Group ImagingStudy Immunization List Media Medication MedicationAdministration MedicationDispense
    MedicationRequest MedicationStatement MolecularSequence Observation Organization Patient Practitioner Procedure
    RelatedPerson RiskAssessment ServiceRequest Specimen Substance Task
    """.split()  # noqa: SIM905 - quoted names would be a page to scroll past
)
"""Types of R4 that have any number of identifiers, and a search parameter for them. All others are marked by a tag."""


def is_ours(resource_id: str) -> bool:
    """Whether an id has the form of ours: a UUID of version 5 (see ``transaction.identity``).

    With a number behind it where a fact has become several resources (see ``mapping.render``).
    """
    return bool(_ID.fullmatch(resource_id))


def our_place(reference: str) -> bool:
    """Whether a reference is ``Type/id`` with an id of our form."""
    return bool(_PLACE.fullmatch(reference))


def urn(id_: str) -> str:
    """What the entries of one transaction call a resource of ours that isn't there yet; always a UUID."""
    bare = id_ if len(id_) == _UUID_LENGTH else str(uuid.uuid5(uuid.NAMESPACE_URL, f"{SYSTEM}/{id_}"))
    return f"urn:uuid:{bare}"


def query(resource_type: str, *ids: str) -> dict[str, str]:
    """The search parameters that find the resources of these ids of ours."""
    name = "identifier" if resource_type in _IDENTIFIED else "_tag"
    return {name: ",".join(f"{SYSTEM}|{id_}" for id_ in ids)}


def condition(resource_type: str, id_: str) -> str:
    """The same as the query of a URL, for conditional creates and updates."""
    return urlencode(query(resource_type, id_), safe=":/")


def marked(resource: Json, id_: str) -> Json:
    """The resource with the mark of an id of ours, and without any id."""
    _, bare = told(resource)
    rest = {name: value for name, value in bare.items() if name != "id"}
    if resource["resourceType"] in _IDENTIFIED:
        return {**rest, "identifier": [*rest.get("identifier", ()), {"system": SYSTEM, "value": id_}]}
    meta = rest.get("meta", {})
    return {**rest, "meta": {**meta, "tag": [*meta.get("tag", ()), {"system": SYSTEM, "code": id_}]}}


def mark_of(resource: Json) -> str | None:
    """Our id of a resource, if it is marked."""
    return told(resource)[0]


def told(resource: Json) -> tuple[str | None, Json]:
    """Our id of a resource as its mark says, and the resource without the mark; None and the same where it has none."""
    if resource["resourceType"] in _IDENTIFIED:
        found, identifiers = _split(resource.get("identifier"), "value")
        return found, resource if found is None else _with(resource, "identifier", identifiers)
    meta = resource.get("meta", {})
    found, tags = _split(meta.get("tag"), "code")
    return found, resource if found is None else _with(resource, "meta", _with(meta, "tag", tags))


def mention(reference: Json, place: str, id_: str) -> Json:
    """A Reference that leads to ``place`` and says which of our ids that is, unless it has an identifier already."""
    return {"identifier": {"system": SYSTEM, "value": id_}, **reference, "reference": place}


def mentioned(reference: Json) -> str | None:
    """Which of our ids a Reference says that it leads to."""
    identifier = reference.get("identifier")
    if not isinstance(identifier, dict) or identifier.get("system") != SYSTEM:
        return None
    value = identifier.get("value")
    return value if isinstance(value, str) else None


def references(value: Any, change: Callable[[Json], Json]) -> Any:
    """The same with every Reference that has a literal changed, at any depth."""
    if isinstance(value, list):
        return [references(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {name: references(child, change) for name, child in value.items()}
    return change(inner) if isinstance(inner.get("reference"), str) else inner


def literals(value: Any) -> Iterator[Json]:
    """Every Reference that has a literal, at any depth."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value
        for child in value.values():
            yield from literals(child)
    elif isinstance(value, list):
        for child in value:
            yield from literals(child)


def _split(values: Any, name: str) -> tuple[str | None, list[Any]]:
    """The value under our system among identifiers or tags, and the others."""
    given = values if isinstance(values, list) else []
    ours = [v for v in given if isinstance(v, dict) and v.get("system") == SYSTEM and isinstance(v.get(name), str)]
    return (ours[0][name] if ours else None), [v for v in given if v not in ours]


def _with(value: Json, name: str, items: Any) -> Json:
    """The object with one member replaced, or without it where that is empty."""
    return {k: (items if k == name else v) for k, v in value.items() if k != name or items}
