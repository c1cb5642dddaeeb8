"""What stands written out in a template is judged at once: profiles that there are none of, codes that can't be."""

import pytest

from medie_fhir.errors import InvalidMapping
from medie_fhir.mapping import load_mapping
from medie_fhir.mapping.written import faults_of_written

FIELDS = ("cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site")
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
SCT = "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("profile", "what"),
    [
        (f"{MCODE}cancer-stagee", f"is no profile of mCODE 4.0.0 (did you mean '{MCODE}cancer-stage'?)"),
        (f"{MCODE}tnm-clinical-stage-group", "is no profile of mCODE 4.0.0"),  # of mCODE 2
        (f"{CORE}observation-labs|6.1.0", f"is no profile of US Core 6.1.0 (did you mean '{CORE}observation-lab'?)"),
        ("http://hl7.org/fhir/uv/genomics-reporting/StructureDefinition/varient", "genomics reporting 3.0.0 (did you"),
        (f"{MCODE}cancer-stage", None),
        (f"{MCODE}cancer-stage|4.0.0", None),
        (f"{CORE}procedure", None),
        ("https://our-hospital.org/fhir/StructureDefinition/stage", None),
        ("{{ %concept.key }}", None),
    ],
)
def test_a_profile_of_a_guide_that_has_none_of_that_name_is_told(profile: str, what: str | None) -> None:
    found = list(faults_of_written({"meta": {"{% if true %}": {"profile": [profile]}}}, ("r",)))
    assert [place for place, _ in found] == ([] if what is None else [("r", "meta", "{% if true %}", "profile", 0)])
    assert what is None or what in found[0][1]


@pytest.mark.parametrize(
    ("system", "code", "wrong"),
    [
        (SCT, "385356007", False),
        (SCT, "385356008", True),
        (SCT, "{{ %fact.value }}", False),
        ("http://loinc.org", "97509-4", False),
        ("http://loinc.org", "975094", True),
        ("https://our-hospital.org/codes", "anything", False),
    ],
)
def test_a_code_that_its_system_can_not_have_is_told(system: str, code: str, wrong: bool) -> None:
    found = list(faults_of_written({"coding": [{"system": system, "code": code}]}, ()))
    assert [place for place, _ in found] == ([("coding", 0, "code")] if wrong else [])


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("385356007", "385356008", "templates.1.resource.category.1.coding.0.code: code 385356008 is no SCTID"),
        ("mcode-histologic-grade", "mcode-histologic-grades", "is no profile of mCODE 4.0.0"),
        ('valueReference: "{{ %primary }}"', "id: x", "neither a value nor extensions of its own (ext-1)"),
        ("text: Cancer stage", "text: Cancer stage\n      valueString: x", "only one value[x]: "),
        ("%concept.attributes.where(kind = 'grade').empty()", "{{ true }}", "write it without braces"),
    ],
)
def test_each_is_a_fault_of_the_mapping_with_its_place(default_text: str, was: str, now: str, told: str) -> None:
    assert was in default_text
    with pytest.raises(InvalidMapping) as caught:
        load_mapping(default_text.replace(was, now, 1), "mine.yaml", FIELDS)
    (fault,) = caught.value.faults
    assert fault.startswith("mine.yaml:")
    assert told in fault
