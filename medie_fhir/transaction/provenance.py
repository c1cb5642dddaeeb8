"""Who said so: the Device that stands for the model, and the Provenance of each piece of work.

Shapes follow HL7 AI Transparency on FHIR (1.0.0-ballot, R4). Its package is in no registry, so its profiles are not
declared; its codes stand in one place here, for they moved between ballots.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from medie_fhir.model import AIAST, ExtractionRecord, Json, Produced
from medie_fhir.transaction.identity import BASE, device_id
from medie_fhir.transaction.standing import VERSION_SYSTEM

__all__ = ["Act", "MadeBy", "device", "extraction_provenance", "mappings_of", "retraction_provenance"]

_AI_KINDS = "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIdeviceTypeCS"
_AI_KIND = "http://hl7.org/fhir/uv/aitransparency/StructureDefinition/aitransparency.AIKind"
_PARTICIPANTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_MAPPING, _TERMINOLOGY = "mapping", "terminology"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"


def device(produced: Produced) -> Json:
    """The Device for a base model, its adapter and the server that ran them; written once, referenced by Provenance."""
    versions = {
        "adapter": produced.adapter and f"{produced.adapter}@{produced.adapter_digest or 'unknown'}",
        "server": produced.server,
    }
    named = [{"type": {"text": kind}, "value": value} for kind, value in versions.items() if value]
    return {
        "resourceType": "Device",
        "id": device_id(produced.model, produced.adapter, produced.adapter_digest, produced.server),
        "extension": [
            {
                "url": _AI_KIND,
                "valueCodeableConcept": {"coding": [{"system": _AI_KINDS, "code": "Large-Language-Models"}]},
            }
        ],
        "status": "active",
        "deviceName": [{"name": produced.model, "type": "model-name"}],
        "type": {"coding": [{"system": _AI_KINDS, "code": "Artificial-Intelligence"}]},
        **({"version": named} if named else {}),
    }


class MadeBy(NamedTuple):
    """What made resources of the facts: the mapping (name, version, digest), and the digest of all coding tables.

    A site's own rows count among these, and they change codes while the mapping stays the same.
    """

    mapping: str
    terminology: str


@dataclass(frozen=True, slots=True)
class Act:
    """What a Provenance records: its id, when it was first done, the Reference to the document, what it touched.

    ``tag`` is what the document's Provenances are found by, where its Reference is a logical one.
    """

    id: str
    recorded: str
    document: Json
    targets: list[str]
    tag: Json | None = None


def extraction_provenance(record: ExtractionRecord, act: Act, by: MadeBy) -> Json:
    """The Provenance of what a model read in one version of a document, and of what that was made into ``by``."""
    produced = record.produced
    task = f"{produced.task}@{produced.task_digest}"
    derived = [("task", task), (_MAPPING, by.mapping), (_TERMINOLOGY, by.terminology)]
    made_by = device_id(produced.model, produced.adapter, produced.adapter_digest, produced.server)
    return {
        **_provenance(act),
        "reason": [{"coding": [AIAST]}],
        "activity": {
            "coding": [
                {"system": _LIFECYCLE, "code": "transform", "display": "Transform/Translate Record Lifecycle Event"}
            ],
            "text": "Information extraction from a clinical note",
        },
        "agent": [
            {
                **_agent("author", {"reference": f"Device/{made_by}"}),
                "role": [{"coding": [{"system": _AI_KINDS, "code": "Artificial-Intelligence"}]}],
            },
            _agent("assembler", {"display": produced.software}),
        ],
        "entity": [
            *_sources(record, act.document),
            *(
                {"role": "derivation", "what": {"identifier": {"system": f"{BASE}/{kind}", "value": value}}}
                for kind, value in derived
            ),
        ],
    }


def mappings_of(provenances: Iterable[Json]) -> frozenset[str]:
    """The mappings (name, version, digest) that Provenances name."""
    named = [e.get("what", {}).get("identifier", {}) for p in provenances for e in p.get("entity", ())]
    return frozenset(i["value"] for i in named if i.get("system") == f"{BASE}/{_MAPPING}" and i.get("value"))


def retraction_provenance(record: ExtractionRecord, act: Act, why: str) -> Json:
    """The Provenance of what no longer holds. ``why`` is one of a fixed set of words, never the note's."""
    return {
        **_provenance(act),
        "activity": {
            "coding": [{"system": _LIFECYCLE, "code": "deprecate", "display": "Deprecate Record Lifecycle Event"}],
            "text": f"No longer holds: {why}",
        },
        "agent": [_agent("assembler", {"display": record.produced.software})],
        "entity": _sources(record, act.document),
    }


def _provenance(act: Act) -> Json:
    return {
        "resourceType": "Provenance",
        "id": act.id,
        **({"meta": {"tag": [act.tag]}} if act.tag else {}),
        "target": [{"reference": t} for t in act.targets] or [act.document],
        "recorded": act.recorded,
    }


def _agent(kind: str, who: Json) -> Json:
    return {"type": {"coding": [{"system": _PARTICIPANTS, "code": kind}]}, "who": who}


def _sources(record: ExtractionRecord, document: Json) -> list[Json]:
    """The source document and its version.

    The version stands in an identifier, for servers cut ``/_history/n`` off a reference that they store. A Reference
    has room for one: where the document itself is known by an identifier alone, it is a source beside its version.
    """
    version = record.document.version
    identifier: Json = {"system": VERSION_SYSTEM, "value": version.version_id or "unnumbered"}
    if version.last_updated:
        identifier["period"] = {"start": version.last_updated}
    versioned = {"role": "source", "what": {**document, "identifier": identifier}}
    return [versioned] if "reference" in document else [versioned, {"role": "source", "what": document}]
