"""Shapes of other FHIR versions, told by what R4 surely has not. One odd extra of an R4 sender is not enough."""

from __future__ import annotations

from medie_fhir.errors import UnsupportedFhirVersion
from medie_fhir.model import Json

__all__ = ["refuse_other_versions"]

_ONLY_R5 = ("attester", "basedOn", "bodySite", "event", "facilityType", "modality", "period", "practiceSetting")
"""Elements of objects that R4 has not, or has elsewhere: in ``context``, or as ``authenticator``."""
_ADVICE = "convert it to R4 before the topic"


def refuse_other_versions(document: Json) -> None:
    """Raises UnsupportedFhirVersion for a DSTU2, STU3 or R5 DocumentReference, and names the telling shape.

    Compared are the definitions of DocumentReference of http://hl7.org/fhir/{DSTU2,STU3,R4,R5}/documentreference.html.
    """
    if isinstance(document.get("docStatus"), dict):  # a code since R4
        raise UnsupportedFhirVersion(f"docStatus is a CodeableConcept, as in DSTU2 and STU3; {_ADVICE}")
    if "date" not in document and ("indexed" in document or "created" in document):  # R4 joined them in date
        raise UnsupportedFhirVersion(f"it has indexed or created and no date, as in DSTU2 and STU3; {_ADVICE}")
    if "category" not in document and isinstance(document.get("class"), dict):  # R4 renamed class to category
        raise UnsupportedFhirVersion(f"it has class in the place of category, as in DSTU2 and STU3; {_ADVICE}")
    if not {"category", "date"} & document.keys() and any(map(_dstu2_format, _objects(document.get("content")))):
        raise UnsupportedFhirVersion(f"content.format is an array of Codings, as in DSTU2; {_ADVICE}")
    if shape := _r5_shape(document):
        raise UnsupportedFhirVersion(f"{shape}, as in R5; {_ADVICE}")


def _r5_shape(document: Json) -> str | None:
    """What only R5 has of a document. Of its new codes of ``docStatus``, those that say that it doesn't hold."""
    if any(isinstance(relation.get("code"), dict) for relation in _objects(document.get("relatesTo"))):
        return "relatesTo.code is a CodeableConcept"
    if any({"reference", "identifier"} & context.keys() for context in _objects(document.get("context"))):
        return "context is a Reference"
    if any(_objects(content.get("profile")) for content in _objects(document.get("content"))):
        return "it has content.profile"
    if document.get("docStatus") in ("cancelled", "deprecated"):
        return "docStatus is cancelled or deprecated"
    own = (name for name in _ONLY_R5 if isinstance(document.get(name), dict) or _objects(document.get(name)))
    return next((f"it has {name}" for name in own), None)


def _objects(value: object) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _dstu2_format(content: Json) -> bool:
    formats = content.get("format")
    return bool(formats) and isinstance(formats, list) and all("coding" not in each for each in _objects(formats))
