"""The twin's CapabilityStatement: what it does, what it doesn't, and that it is a twin. Pure."""

from __future__ import annotations

from medie_fhir.adapters.fhir_twin.parameters import parameters
from medie_fhir.adapters.fhir_twin.profile import Profile
from medie_fhir.fhir_names import RESOURCE_TYPES
from medie_fhir.model import Json

__all__ = ["capability_statement"]

_SINCE = "2026-01-01"  # of the statement, not of the process: the same twin says the same thing twice


def capability_statement(profile: Profile) -> Json:
    """What a twin of this profile does (https://hl7.org/fhir/R4/capabilitystatement.html)."""
    system = [{"code": code} for code in ("transaction", "batch") if getattr(profile, code)]
    rest = {
        "mode": "server",
        "resource": [_resource(resource_type, profile) for resource_type in sorted(RESOURCE_TYPES)],
        **({"interaction": system} if system else {}),
    }
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _SINCE,
        "kind": "instance",
        "software": {"name": "medie-fhir twin (for demos and tests, not for care)"},
        "implementation": {"description": "A stand-in for a FHIR R4 server, with the behaviour of HAPI FHIR"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [rest],
    }


def _resource(resource_type: str, profile: Profile) -> Json:
    past = ("vread", "history-instance") if profile.versions else ()
    versioned = "versioned-update" if profile.if_match else "versioned"  # HAPI says the first
    return {
        "type": resource_type,
        "interaction": [{"code": code} for code in ("read", *past, "update", "delete", "create", "search-type")],
        "versioning": versioned if profile.versions else "no-version",
        "readHistory": profile.versions,
        "updateCreate": profile.update_as_create,
        "conditionalCreate": profile.conditional_create,
        "conditionalUpdate": profile.conditional_update,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "enforced", "local"],
        "searchParam": [
            {"name": "_id", "type": "token"},
            *(
                {"name": known.name, "type": known.kind}
                for known in parameters(resource_type)
                if profile.provenance_entity or (resource_type, known.name) != ("Provenance", "entity")
            ),
        ],
    }
