"""What no template may forget: id, identifier, the mark of AI, evidence and confidence, the source.

Evidence is FHIR's standard extension ``derivation-reference`` (reference, path, offset, length); confidence is HL7 AI
Transparency's ``AIconfidence``, to two decimals, so that noise in the last digits makes no new version.
"""

from __future__ import annotations

from medie_fhir.model import AIAST, Evidence, Fact, Json

__all__ = ["AI_CONFIDENCE", "DERIVATION", "EVIDENCE_AT_MOST", "wrap"]

DERIVATION = "http://hl7.org/fhir/StructureDefinition/derivation-reference"
AI_CONFIDENCE = "http://hl7.org/fhir/uv/aitransparency/StructureDefinition/AIconfidence"
EVIDENCE_AT_MOST = 10


def wrap(resource: Json, fact: Fact, *, resource_id: str, system: str, source: Json) -> Json:
    """The template's resource with all that the engine adds. ``system`` is the identifier system of facts."""
    meta = dict(resource.get("meta", {}))
    if "reference" in source:
        meta["source"] = source["reference"]
    meta["security"] = [*meta.get("security", []), AIAST]
    extensions = [*resource.get("extension", []), *(_derivation(e, source) for e in fact.evidence[:EVIDENCE_AT_MOST])]
    if fact.confidence is not None:
        extensions.append({"url": AI_CONFIDENCE, "valueDecimal": round(fact.confidence, 2)})
    head = {
        "resourceType": resource["resourceType"],
        "id": resource_id,
        "meta": meta,
        "extension": extensions,
        "identifier": [*resource.get("identifier", []), {"system": system, "value": resource_id}],
    }
    return {**head, **{k: v for k, v in resource.items() if k not in head}}


def _derivation(evidence: Evidence, source: Json) -> Json:
    return {
        "url": DERIVATION,
        "extension": [
            {"url": "reference", "valueReference": source},
            {"url": "path", "valueString": "DocumentReference.content.attachment.data"},
            {"url": "offset", "valueInteger": evidence.start},
            {"url": "length", "valueInteger": evidence.end - evidence.start},
        ],
    }
