"""Shape rules that fhir.resources doesn't check: required bindings, invariants, and what mCODE 4.0.0 profiles require.

Sources: FHIR R4 Condition (con-3 … con-5), Observation (obs-6, obs-7), DomainResource (dom-3); mCODE STU4 and US Core
StructureDefinitions (us-core-1, us-core-7, us-core-21). The official validator is the judge (`make validate`); these
rules catch, for every single note, what it would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from medie_fhir.fhir_names import ENTERED_IN_ERROR, OBSERVATION_STATUS, VERIFICATION_STATUS
from medie_fhir.model import Json

__all__ = ["MCODE", "RETRACTABLE", "faults"]

MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
_CLINICAL = frozenset({"active", "recurrence", "relapse", "inactive", "remission", "resolved"})
_PROCEDURE_STATUS = frozenset(
    "preparation in-progress not-done on-hold stopped completed entered-in-error unknown".split()  # noqa: SIM905 - as above
)
_STATEMENT_STATUS = frozenset(
    "active completed entered-in-error intended stopped on-hold unknown not-taken".split()  # noqa: SIM905 - as above
)
_REQUEST_STATUS = frozenset(
    "active on-hold cancelled completed entered-in-error stopped draft unknown".split()  # noqa: SIM905 - as above
)
_ORDERS = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})
_INTENT = _ORDERS | {"proposal", "plan", "option"}
_VALUES = ("valueQuantity", "valueCodeableConcept", "valueString", "valueRatio", "valueBoolean", "valueInteger")
_TUMOUR_MARKER_VALUES = frozenset({"valueQuantity", "valueCodeableConcept", "valueString", "valueRatio"})
_HGVS_COMPONENTS = frozenset({"48005-3", "81290-9", "48004-6"})
RETRACTABLE = frozenset(
    """
    CarePlan CareTeam ClinicalImpression Communication CommunicationRequest Composition Condition Consent DetectedIssue
    Device DeviceRequest DeviceUseStatement DiagnosticReport FamilyMemberHistory Flag GuidanceResponse ImagingStudy
    Immunization List Media Medication MedicationAdministration MedicationDispense MedicationRequest
    MedicationStatement NutritionOrder Observation Procedure QuestionnaireResponse RequestGroup RiskAssessment
    ServiceRequest Specimen Substance SupplyRequest Task VisionPrescription
    """.split()  # noqa: SIM905 - a word list reads best as words
)
"""The types of R4 whose ``status`` (a Condition's ``verificationStatus``) can be ``entered-in-error``."""


def faults(resource: Json) -> list[str]:
    """What is wrong with a resource's shape, in words without its values; empty where nothing is."""
    kind = resource.get("resourceType", "")
    found = list(_RULES.get(kind, _nothing)(resource))
    if kind not in RETRACTABLE:
        found.append("a resource of this type has no status entered-in-error, and could never be taken back")
    found += _contained(resource)
    found += _extensions(resource, "")
    for profile in resource.get("meta", {}).get("profile", ()):
        found += _PROFILES.get(profile.removeprefix(MCODE), _nothing)(resource)
    return found


def _nothing(_: Json) -> Iterator[str]:
    return iter(())


def _contained(resource: Json) -> Iterator[str]:
    within = {f"#{inner.get('id')}" for inner in resource.get("contained", ())}
    referred = {reference for reference in _references(resource) if reference.startswith("#")}
    if within - referred:
        yield "a contained resource is referred to by nothing (dom-3)"
    if referred - within:
        yield "a reference to a contained resource that is not there"


def _extensions(value: Any, path: str) -> Iterator[str]:
    """Extensions that say nothing."""
    if isinstance(value, dict):
        for key, below in value.items():
            if key in ("extension", "modifierExtension"):
                for n, extension in enumerate(below):
                    if not any(name == "extension" or name.startswith("value") for name in extension):
                        yield f"{path}{key}.{n}: has neither a value nor extensions of its own (ext-1)"
            yield from _extensions(below, f"{path}{key}.")
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from _extensions(item, f"{path}{n}.")


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _codes(concept: Json | None) -> set[str]:
    return {c.get("code", "") for c in (concept or {}).get("coding", ())}


def _not_of(element: str, allowed: frozenset[str]) -> str:
    return f"{element} is not of its required value set; allowed: {', '.join(sorted(allowed))}"


def _condition(resource: Json) -> Iterator[str]:
    clinical, verification = _codes(resource.get("clinicalStatus")), _codes(resource.get("verificationStatus"))
    if not clinical <= _CLINICAL:
        yield _not_of("Condition.clinicalStatus", _CLINICAL)
    if not verification <= VERIFICATION_STATUS:
        yield _not_of("Condition.verificationStatus", VERIFICATION_STATUS)
    if (ENTERED_IN_ERROR in verification) == bool(clinical):
        yield "Condition.clinicalStatus goes with every verificationStatus but entered-in-error (con-3, con-5)"
    if not resource.get("code", {}).get("coding") and not resource.get("code", {}).get("text"):
        yield "Condition.code has neither a coding nor a text"
    if any("code" in e for e in resource.get("evidence", ())):
        yield "Condition.evidence.code has a required binding: use evidence.detail"


def _observation(resource: Json) -> Iterator[str]:
    values = [v for v in _VALUES if v in resource]
    if resource.get("status") not in OBSERVATION_STATUS:
        yield _not_of("Observation.status", OBSERVATION_STATUS)
    if len(values) > 1:
        yield "Observation.value[x] is given more than once"
    if values and "dataAbsentReason" in resource:
        yield "Observation.dataAbsentReason goes only without a value (obs-6)"
    if not resource.get("subject"):
        yield "Observation.subject is missing"
    for key in ("effectiveDateTime",):
        if key in resource and len(str(resource[key])) < len("2026-01-01"):
            yield f"Observation.{key} must be to the day at least (us-core-1)"


def _medication_request(resource: Json) -> Iterator[str]:
    if resource.get("status") not in _REQUEST_STATUS:
        yield _not_of("MedicationRequest.status", _REQUEST_STATUS)
    if resource.get("intent") not in _INTENT:
        yield _not_of("MedicationRequest.intent", _INTENT)
    if ("medicationCodeableConcept" in resource) == ("medicationReference" in resource):
        yield "MedicationRequest.medication[x] is given once"


def _medication_statement(resource: Json) -> Iterator[str]:
    if resource.get("status") not in _STATEMENT_STATUS:
        yield _not_of("MedicationStatement.status", _STATEMENT_STATUS)


def _procedure(resource: Json) -> Iterator[str]:
    if resource.get("status") not in _PROCEDURE_STATUS:
        yield _not_of("Procedure.status", _PROCEDURE_STATUS)


def _cancer_condition(resource: Json) -> Iterator[str]:
    codes = {c for category in resource.get("category", ()) for c in _codes(category)}
    if not codes & {"problem-list-item", "health-concern"}:
        yield "Condition.category needs problem-list-item or health-concern (US Core)"
    if "subject" not in resource:
        yield "Condition.subject is missing"


def _secondary(resource: Json) -> Iterator[str]:
    yield from _cancer_condition(resource)
    if "stage" in resource:
        yield "a secondary cancer condition has no stage"


def _stage(resource: Json) -> Iterator[str]:
    if not resource.get("category"):
        yield "Observation.category is missing"
    if "valueCodeableConcept" not in resource:
        yield "a cancer stage has a CodeableConcept as its value"
    if _codes(resource.get("code")) & {"21908-9", "21902-2", "21914-7"}:
        yield "LOINC 21908-9, 21902-2 and 21914-7 are of the TNM stage group profile"


def _stage_group(resource: Json) -> Iterator[str]:
    if not resource.get("category"):
        yield "Observation.category is missing"
    if len(resource.get("focus", ())) != 1 or "method" not in resource:
        yield "a TNM stage group has one focus and a method: without them it is a cancer stage"


def _grade(resource: Json) -> Iterator[str]:
    yield from _laboratory(resource)
    if "C18000" not in _codes(resource.get("code")):
        yield "a histologic grade has the code NCIt C18000"
    if "valueCodeableConcept" not in resource:
        yield "a histologic grade has a CodeableConcept as its value"


def _laboratory(resource: Json) -> Iterator[str]:
    laboratory = [c for c in resource.get("category", ()) if "laboratory" in _codes(c)]
    if len(laboratory) != 1:
        yield "Observation.category needs laboratory exactly once"


def _marker(resource: Json) -> Iterator[str]:
    yield from _laboratory(resource)
    if len(_TUMOUR_MARKER_VALUES & resource.keys()) != 1:
        yield "a tumor marker test has exactly one value: Quantity, CodeableConcept, string or Ratio"


def _variant(resource: Json) -> Iterator[str]:
    yield from _laboratory(resource)
    if len(resource.get("category", ())) != 1 or len(resource["category"][0].get("coding", ())) != 1:
        yield "a genomic variant has one category with one coding"
    if "69548-6" not in _codes(resource.get("code")):
        yield "a genomic variant has the code LOINC 69548-6"
    if not _codes(resource.get("valueCodeableConcept")) <= {"LA9633-4", "LA9634-2", "LA18198-4", "LA11883-8"}:
        yield "a genomic variant's value is of LL1971-2"
    for component in resource.get("component", ()):
        codings = component.get("valueCodeableConcept", {}).get("coding", ())
        hgvs = _codes(component.get("code")) & _HGVS_COMPONENTS
        if hgvs and not any(c.get("system") == "http://varnomen.hgvs.org" for c in codings):
            yield "an HGVS component without an HGVS code: leave it out"


def _disease_status(resource: Json) -> Iterator[str]:
    if "97509-4" not in _codes(resource.get("code")):
        yield "a cancer disease status has the code LOINC 97509-4"
    if "valueCodeableConcept" not in resource:
        yield "a cancer disease status has a CodeableConcept as its value"
    if "effectivePeriod" in resource:
        yield "a cancer disease status is of a dateTime, not of a Period"


def _cancer_medication(resource: Json) -> Iterator[str]:
    if resource.get("intent") in _ORDERS and "requester" not in resource:
        yield "a MedicationRequest that is an order has a requester (us-core-21)"


def _cancer_procedure(resource: Json) -> Iterator[str]:
    if not resource.get("code", {}).get("coding") and not resource.get("code", {}).get("text"):
        yield "Procedure.code has neither a coding nor a text"
    if resource.get("status") in ("completed", "in-progress") and not any(
        key.startswith("performed") for key in resource
    ):
        yield "a Procedure that is completed or in progress has a date (us-core-7)"


def _radiotherapy(resource: Json) -> Iterator[str]:
    yield from _cancer_procedure(resource)
    if "1217123003" not in _codes(resource.get("code")):
        yield "a radiotherapy course summary has the code SNOMED CT 1217123003"


_RULES: dict[str, Callable[[Json], Iterator[str]]] = {
    "Condition": _condition,
    "MedicationRequest": _medication_request,
    "MedicationStatement": _medication_statement,
    "Observation": _observation,
    "Procedure": _procedure,
}
_PROFILES: dict[str, Callable[[Json], Iterator[str]]] = {
    "primary-cancer-condition": _cancer_condition,
    "secondary-cancer-condition": _secondary,
    "cancer-stage": _stage,
    "tnm-stage-group": _stage_group,
    "histologic-grade": _grade,
    "genomic-variant": _variant,
    "tumor-marker-test": _marker,
    "cancer-disease-status": _disease_status,
    "cancer-related-medication-request": _cancer_medication,
    "cancer-related-surgical-procedure": _cancer_procedure,
    "radiotherapy-course-summary": _radiotherapy,
}
