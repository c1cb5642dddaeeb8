"""What stands written out in a template, and can be judged without a note: canonical URLs of profiles, and codes.

The profiles are those of mCODE 4.0.0, genomics reporting 3.0.0 (as `make validate` has them) and US Core 6.1.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from medie_fhir.code_form import malformed
from medie_fhir.mapping.suggest import meant

__all__ = ["faults_of_written"]

_Path = tuple[str | int, ...]

_PROFILES: Final = {
    "http://hl7.org/fhir/us/mcode/": (
        "mCODE 4.0.0",
        "mcode-",
        """
        ALL-risk-assessment body-surface-area cancer-disease-status cancer-patient
        cancer-related-medication-administration cancer-related-medication-request cancer-related-surgical-procedure
        cancer-risk-assessment cancer-stage comorbidities deauville-scale ecog-performance-status
        genomic-region-studied genomic-variant genomics-report histologic-behavior-and-type histologic-grade
        history-of-metastatic-cancer human-specimen karnofsky-performance-status lansky-play-performance-status
        lymphoma-stage patient-bundle patient-group primary-cancer-condition radiotherapy-course-summary
        radiotherapy-volume rhabdomyosarcoma-risk-assessment secondary-cancer-condition tnm-category
        tnm-distant-metastases-category tnm-primary-tumor-category tnm-regional-nodes-category tnm-stage-group tumor
        tumor-marker-test tumor-morphology tumor-size
        """,
    ),
    "http://hl7.org/fhir/uv/genomics-reporting/": (
        "genomics reporting 3.0.0",
        "",
        """
        diagnostic-implication finding followup-recommendation genomic-base genomic-data-file genomic-report
        genomic-study genomic-study-analysis genotype haplotype implication medication-recommendation
        molecular-biomarker molecular-consequence sequence-phase-relationship therapeutic-implication variant
        """,
    ),
    "http://hl7.org/fhir/us/core/": (
        "US Core 6.1.0",
        "us-core-",
        """
        allergyintolerance blood-pressure bmi body-height body-temperature body-weight careplan careteam
        condition-encounter-diagnosis condition-problems-health-concerns coverage diagnosticreport-lab
        diagnosticreport-note documentreference encounter goal head-circumference heart-rate immunization
        implantable-device location medication medicationdispense medicationrequest observation-clinical-result
        observation-lab observation-occupation observation-pregnancyintent observation-pregnancystatus
        observation-screening-assessment observation-sexual-orientation organization patient practitioner
        practitionerrole procedure provenance pulse-oximetry questionnaireresponse relatedperson respiratory-rate
        servicerequest simple-observation smokingstatus specimen vital-signs
        """,
    ),
}
_OF_US_CORE_WITHOUT_PREFIX: Final = (
    "head-occipital-frontal-circumference-percentile",
    "pediatric-bmi-for-age",
    "pediatric-weight-for-height",
)


def faults_of_written(value: Any, path: _Path) -> Iterator[tuple[_Path, str]]:
    """The faults of a resource's template, each with its path; what an expression gives is not judged here."""
    if isinstance(value, dict):
        if (wrong := _code(value)) is not None:
            yield (*path, "code"), wrong
        for key, below in value.items():
            if key == "profile":
                yield from _profiles(below, (*path, key))
            else:
                yield from faults_of_written(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from faults_of_written(below, (*path, index))


def _code(coding: dict[str, Any]) -> str | None:
    system, code = coding.get("system"), coding.get("code")
    if not (isinstance(system, str) and isinstance(code, str)) or "{" in code:
        return None
    wrong = malformed(system, code)
    return f"code {code} is {wrong}" if wrong else None


def _profiles(value: Any, path: _Path) -> Iterator[tuple[_Path, str]]:
    if isinstance(value, str) and "{" not in value:
        canonical = value.partition("|")[0]
        for base, (guide, prefix, words) in _PROFILES.items():
            known = [f"{base}StructureDefinition/{prefix}{word}" for word in words.split()]
            if prefix == "us-core-":
                known += [f"{base}StructureDefinition/{name}" for name in _OF_US_CORE_WITHOUT_PREFIX]
            if canonical.startswith(base) and canonical not in known:
                yield path, f"'{value}' is no profile of {guide}{meant(canonical, known)}"
    elif isinstance(value, list | dict):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _profiles(below, (*path, key))
