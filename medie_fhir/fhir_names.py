"""The names of FHIR R4: resource types, ids, and the words of a status.

Sources: https://hl7.org/fhir/R4/resourcelist.html, datatypes.html#id, valueset-condition-ver-status.html,
valueset-observation-status.html.
"""

from __future__ import annotations

import re

from medie_fhir.errors import FhirRejected

__all__ = [
    "DECIDED",
    "ENTERED_IN_ERROR",
    "OBSERVATION_STATUS",
    "RESOURCE_TYPES",
    "VERIFICATION_STATUS",
    "VERIFICATION_SYSTEM",
    "is_id",
    "place",
]

ENTERED_IN_ERROR = "entered-in-error"
"""What a resource says of itself that should never have been; the same word in every status of R4."""

_VERIFIED = frozenset({"confirmed", "refuted", "differential"})
_FINALISED = frozenset({"final", "amended", "corrected", "cancelled"})
DECIDED = _VERIFIED | _FINALISED
"""The words by which a Condition or an Observation says that someone has judged it."""

VERIFICATION_SYSTEM = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
VERIFICATION_STATUS = _VERIFIED | {"unconfirmed", "provisional", ENTERED_IN_ERROR}
"""All of ``Condition.verificationStatus`` (a required binding)."""

OBSERVATION_STATUS = _FINALISED | {"registered", "preliminary", "unknown", ENTERED_IN_ERROR}
"""All of ``Observation.status`` (a required binding)."""

RESOURCE_TYPES = frozenset(
    """
    Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic
    Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan CareTeam CatalogEntry
    ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem Communication
    CommunicationRequest CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage
    CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric
    DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference EffectEvidenceSynthesis
    Encounter Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence
    EvidenceVariable ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition Group
    GuidanceResponse HealthcareService ImagingStudy Immunization ImmunizationEvaluation
    ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library Linkage List Location Measure
    MeasureReport Media Medication MedicationAdministration MedicationDispense MedicationKnowledge
    MedicationRequest MedicationStatement MedicinalProduct MedicinalProductAuthorization
    MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient
    MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
    MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MessageHeader
    MolecularSequence NamingSystem NutritionOrder Observation ObservationDefinition OperationDefinition
    OperationOutcome Organization OrganizationAffiliation Parameters Patient PaymentNotice PaymentReconciliation
    Person PlanDefinition Practitioner PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse
    RelatedPerson RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject
    RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen
    SpecimenDefinition StructureDefinition StructureMap Subscription Substance SubstanceNucleicAcid
    SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial
    SubstanceSpecification SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport TestScript
    ValueSet VerificationResult VisionPrescription
    """.split()  # noqa: SIM905 - 146 quoted names would be a page to scroll past
)
"""The resource types of R4 4.0.1 that can stand on their own."""

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def is_id(text: str) -> bool:
    """Whether a text is a FHIR id, and not one that a URL would read as a step up (``..``)."""
    return bool(_ID.fullmatch(text)) and text.strip(".") != ""


def place(resource_type: str, resource_id: str | None = None) -> str:
    """``Type`` or ``Type/id``, fit for a URL. Raises FhirRejected where either can't be: nothing is asked for then."""
    if resource_type not in RESOURCE_TYPES:
        raise FhirRejected("not the name of an R4 resource type")
    if resource_id is None:
        return resource_type
    if not is_id(resource_id):
        raise FhirRejected(f"not a FHIR id, so there can be no such {resource_type}")
    return f"{resource_type}/{resource_id}"
