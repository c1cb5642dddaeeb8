"""Shape rules that fhir.resources doesn't check: required bindings, invariants, and what mCODE 4.0.0 profiles require.

Sources: FHIR R4 Condition (con-3 … con-5) and Observation (obs-6, obs-7); mCODE STU4 StructureDefinitions. The
official validator is the judge (see CONTRIBUTING); these rules catch, for every single note, what it would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from medie_fhir.fhir_names import ENTERED_IN_ERROR, OBSERVATION_STATUS, VERIFICATION_STATUS
from medie_fhir.model import Json

__all__ = ["MCODE", "faults"]

MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
_CLINICAL = frozenset({"active", "recurrence", "relapse", "inactive", "remission", "resolved"})
_VALUES = ("valueQuantity", "valueCodeableConcept", "valueString", "valueRatio", "valueBoolean", "valueInteger")
_TUMOUR_MARKER_VALUES = frozenset({"valueQuantity", "valueCodeableConcept", "valueString", "valueRatio"})
_HGVS_COMPONENTS = frozenset({"48005-3", "81290-9", "48004-6"})
_RETRACTABLE = frozenset(
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
    if kind not in _RETRACTABLE:
        found.append("a resource of this type has no status entered-in-error, and could never be taken back")
    for profile in resource.get("meta", {}).get("profile", ()):
        found += _PROFILES.get(profile.removeprefix(MCODE), _nothing)(resource)
    return found


def _nothing(_: Json) -> Iterator[str]:
    return iter(())


def _codes(concept: Json | None) -> set[str]:
    return {c.get("code", "") for c in (concept or {}).get("coding", ())}


def _condition(resource: Json) -> Iterator[str]:
    clinical, verification = _codes(resource.get("clinicalStatus")), _codes(resource.get("verificationStatus"))
    if not clinical <= _CLINICAL:
        yield "Condition.clinicalStatus is not of its required value set"
    if not verification <= VERIFICATION_STATUS:
        yield "Condition.verificationStatus is not of its required value set"
    if (ENTERED_IN_ERROR in verification) == bool(clinical):
        yield "Condition.clinicalStatus goes with every verificationStatus but entered-in-error (con-3, con-5)"
    if not resource.get("code", {}).get("coding") and not resource.get("code", {}).get("text"):
        yield "Condition.code has neither a coding nor a text"
    if any("code" in e for e in resource.get("evidence", ())):
        yield "Condition.evidence.code has a required binding: use evidence.detail"


def _observation(resource: Json) -> Iterator[str]:
    values = [v for v in _VALUES if v in resource]
    if resource.get("status") not in OBSERVATION_STATUS:
        yield "Observation.status is not of its required value set"
    if len(values) > 1:
        yield "Observation.value[x] is given more than once"
    if values and "dataAbsentReason" in resource:
        yield "Observation.dataAbsentReason goes only without a value (obs-6)"
    if not resource.get("subject"):
        yield "Observation.subject is missing"
    for key in ("effectiveDateTime",):
        if key in resource and len(str(resource[key])) < len("2026-01-01"):
            yield f"Observation.{key} must be to the day at least (us-core-1)"


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


_RULES: dict[str, Callable[[Json], Iterator[str]]] = {"Condition": _condition, "Observation": _observation}
_PROFILES: dict[str, Callable[[Json], Iterator[str]]] = {
    "primary-cancer-condition": _cancer_condition,
    "secondary-cancer-condition": _secondary,
    "cancer-stage": _stage,
    "tnm-stage-group": _stage_group,
    "histologic-grade": _grade,
    "genomic-variant": _variant,
    "tumor-marker-test": _marker,
    "cancer-disease-status": _disease_status,
}
