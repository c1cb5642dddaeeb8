"""What a Reference asks for, and what a resource says of itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from medie_fhir.event import literal
from medie_fhir.fhir_names import is_id
from medie_fhir.model import Json
from medie_fhir.transaction import BASE, patient_id

__all__ = ["STUB", "Named", "has_identifier", "has_value", "is_stub", "named", "stub", "successors"]

STUB: Json = {"system": f"{BASE}/tags", "code": "stub", "display": "Made of an identifier alone, for a note's sake"}
_OF_A_STUB = frozenset({"resourceType", "id", "meta", "identifier", "text"})


@dataclass(frozen=True, slots=True)
class Named:
    """A resource of a type, as a Reference names it: by its id on the target, by another server's URL, by identifier.

    Never shown in a message: an id may be a medical record number, too.
    """

    kind: str
    id: str | None = None
    url: str | None = None
    system: str | None = None
    value: str | None = None


def named(reference: Json, kind: str, base: str | None) -> Named | None:
    """What a Reference asks for; None for one that names no resource of the type.

    ``base`` is the target server's address: a URL under it is an id there. A version is cut off.
    """
    id_, url, system, value = None, None, None, None
    text, identifier = reference.get("reference"), reference.get("identifier")
    if isinstance(text, str) and (found := literal(text, base and f"{base.rstrip('/')}/")):
        place, its_kind, _ = found
        if its_kind != kind:
            return None
        if "://" in place:
            url = place
        elif is_id(own := place.partition("/")[2]):
            id_ = own
    if reference.get("type") not in (None, kind):
        return None
    if isinstance(identifier, dict) and isinstance(identifier.get("value"), str) and identifier["value"].strip():
        value = identifier["value"]
        system = identifier["system"] if isinstance(identifier.get("system"), str) else None
    return Named(kind, id_, url, system or None, value) if id_ or url or value else None


def has_identifier(resource: Json, wanted: Named) -> bool:
    """Whether a resource has the very identifier: a server's search may find more than it was asked for."""
    return any(
        i.get("value") == wanted.value and (i.get("system") or None) == wanted.system
        for i in _objects(resource, "identifier")
    )


def has_value(resource: Json, wanted: Named) -> bool:
    """Whether a resource has the identifier's value, under whichever system."""
    return any(i.get("value") == wanted.value for i in _objects(resource, "identifier"))


def successors(patient: Json, base: str | None) -> list[Named | None]:
    """The Patients that a merged one was replaced by (FHIR R4, Patient.link), each once; None for an unreadable one."""
    links = [link for link in _objects(patient, "link") if link.get("type") == "replaced-by"]
    others = [link["other"] if isinstance(link.get("other"), dict) else {} for link in links]
    return list(dict.fromkeys(named(other, "Patient", base) for other in others))


def stub(system: str, value: str) -> Json:
    """A Patient with nothing but the identifier."""
    return {
        "resourceType": "Patient",
        "id": patient_id(system, value),
        "meta": {"tag": [STUB]},
        "identifier": [{"system": system, "value": value}],
    }


def is_stub(patient: Json) -> bool:
    """Whether a Patient is a stub of ours still, and not one that was filled meanwhile: servers keep a tag for ever."""
    tags = patient.get("meta", {}).get("tag", ())
    tagged = any((tag.get("system"), tag.get("code")) == (STUB["system"], STUB["code"]) for tag in tags)
    return tagged and _OF_A_STUB.issuperset(patient)


def _objects(resource: Json, name: str) -> list[Json]:
    values = resource.get(name)
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
