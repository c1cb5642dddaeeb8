"""What the default mapping makes of each field: valid, complete, nothing invented."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from medie_fhir.mapping import Mapping, render
from medie_fhir.mapping.samples import sample_facts, sample_record
from medie_fhir.mapping.shape import faults
from medie_fhir.model import Assertion, CodedFact, Coding

Make = Callable[..., CodedFact]
SOURCE = {"reference": "DocumentReference/copy"}
LOINC = "http://loinc.org"


def test_a_value_without_a_code_is_text_without_a_code_and_declares_no_profile_it_may_not_meet(
    rendered: Any, coded: Make
) -> None:
    (made,) = rendered(coded("cancer_type", "strange tumour"))
    assert made["code"] == {"text": "strange tumour"}
    assert "profile" not in made["meta"]


def test_a_variant_has_gene_change_and_presence(rendered: Any, coded: Make) -> None:
    gene = Coding(system="http://www.genenames.org", code="HGNC:3236", display="EGFR")
    (made,) = rendered(
        coded(
            "gene_mutation",
            "EGFR L858R",
            codings={"gene": (gene,)},
            attributes={"hgvs_p": "p.Leu858Arg", "origin": "germline"},
        )
    )
    by_code = {
        c["code"]["coding"][0]["code"]: c["valueCodeableConcept"]["coding"][0]["code"] for c in made["component"]
    }
    assert by_code == {"48018-6": "HGNC:3236", "48005-3": "p.Leu858Arg", "48002-0": "LA6683-2"}
    assert made["valueCodeableConcept"]["coding"][0]["code"] == "LA9633-4"


def test_a_variant_that_policy_lets_through_as_absent_is_never_written_as_present(rendered: Any, coded: Make) -> None:
    found = coded("gene_mutation", "EGFR mutation")
    denied = replace(found, fact=found.fact.model_copy(update={"assertion": Assertion.ABSENT}))
    made = rendered(denied)
    assert made[0]["valueCodeableConcept"]["coding"][0]["code"] == "LA9634-2"


def test_a_wild_type_gene_is_absent_and_a_fusion_has_two_genes(rendered: Any, coded: Make) -> None:
    genes = tuple(Coding(system="http://www.genenames.org", code=c) for c in ("HGNC:1316", "HGNC:427"))
    wild, fusion = rendered(
        coded("gene_mutation", "KRAS wild type", codings={"gene": genes[:1]}, attributes={"presence": "absent"}),
        coded("gene_mutation", "EML4-ALK", codings={"gene": genes}, id="f"),
    )
    assert wild["valueCodeableConcept"]["coding"][0]["code"] == "LA9634-2"
    assert len(fusion["component"]) == 2
    assert wild["valueCodeableConcept"]["text"] == "KRAS wild type"
    assert "text" not in wild["code"], "'KRAS wild type: absent' says the contrary of the note"


def test_a_marker_has_exactly_one_value_whatever_is_known(rendered: Any, coded: Make) -> None:
    positive = (Coding(system="http://snomed.info/sct", code="10828004"),)
    er = (Coding(system=LOINC, code="16112-5"),)
    quantity = {"value": 50, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    made = rendered(
        coded("biomarker", "ER positive", codings={"code": er, "value": positive}, id="a"),
        coded(
            "biomarker", "PD-L1 50%", codings={"code": er, "value": positive}, attributes={"quantity": quantity}, id="b"
        ),
        coded("biomarker", "odd marker", id="c"),
    )
    values = [[k for k in m if k.startswith("value")] for m in made]
    assert values == [["valueCodeableConcept"], ["valueQuantity"], ["valueString"]]
    assert made[1]["valueQuantity"] == quantity


def test_a_result_in_words_and_its_number_stand_each_under_their_own_code(rendered: Any, coded: Make) -> None:
    percent = {"value": 95, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    mass = {"value": 45.2, "unit": "ng/mL", "system": "http://unitsofmeasure.org", "code": "ng/mL"}
    words, numbers = (Coding(system=LOINC, code="16112-5"),), (Coding(system=LOINC, code="14228-1"),)
    value = (Coding(system="http://snomed.info/sct", code="10828004"),)
    both, cea = rendered(
        coded(
            "biomarker",
            "ER positive (95%)",
            codings={"code": words, "quantity": numbers, "value": value},
            attributes={"quantity": percent, "result_code": "positive", "marker": "ER"},
            id="a",
        ),
        coded(
            "biomarker",
            "CEA 45.2 ng/mL, elevated",
            codings={"code": numbers, "quantity": numbers, "value": value},
            attributes={"quantity": mass, "result_code": "high", "marker": "CEA"},
            id="b",
        ),
    )
    assert both["valueCodeableConcept"]["coding"][0]["code"] == "10828004"
    assert [(c["code"]["coding"][0]["code"], c["valueQuantity"]) for c in both["component"]] == [("14228-1", percent)]
    assert (cea["code"]["text"], cea["valueQuantity"]) == ("CEA", mass)
    assert cea["note"] == [{"text": "CEA 45.2 ng/mL, elevated"}]
    assert "component" not in cea


def test_a_stage_says_by_which_system_and_keeps_its_categories(rendered: Any, coded: Make) -> None:
    def role(code: str) -> tuple[Coding, ...]:
        return (Coding(system="http://snomed.info/sct", code=code),)

    group = {"observation": role("399390009"), "method": role("897275008")}
    tnm = {"observation": role("399566009"), "t": role("1229852009"), "t_observation": role("384625004")}
    _, staged, categories = rendered(
        coded("cancer_type", "lung cancer", "254637007", id="c1"),
        coded("stage", "AJCC 8 IIIB", "1222805004", codings=group, attributes={"kind": "tnm-group"}, id="g"),
        coded("stage", "pT2", codings=tnm, attributes={"kind": "tnm", "t": "pT2"}, id="t"),
    )
    assert staged["meta"]["profile"][0].endswith("mcode-tnm-stage-group")
    assert (staged["code"]["coding"][0]["code"], staged["method"]["coding"][0]["code"]) == ("399390009", "897275008")
    assert categories["meta"]["profile"][0].endswith("mcode-cancer-stage")
    (component,) = categories["component"]
    assert component["code"]["coding"][0]["code"] == "384625004"
    assert component["valueCodeableConcept"]["coding"][0]["code"] == "1229852009"
    assert component["valueCodeableConcept"]["text"] == "pT2"


def test_a_group_without_its_one_cancer_is_a_stage_and_no_tnm_stage_group(rendered: Any, coded: Make) -> None:
    method = (Coding(system="http://snomed.info/sct", code="897275008"),)
    (alone,) = rendered(coded("stage", "AJCC 8 II", codings={"method": method}, attributes={"kind": "tnm-group"}))
    assert alone["meta"]["profile"][0].endswith("mcode-cancer-stage")


def test_a_grade_is_no_stage(rendered: Any, coded: Make) -> None:
    (grade,) = rendered(coded("stage", "grade 3", attributes={"kind": "grade"}))
    assert grade["code"]["coding"][0]["code"] == "C18000"
    assert grade["meta"]["profile"][0].endswith("mcode-histologic-grade")


def test_a_regimen_names_its_drugs(rendered: Any, coded: Make) -> None:
    drugs = tuple(Coding(system="http://www.drugbank.ca", code=c) for c in ("DB00958", "DB00642"))
    (made,) = rendered(coded("treatment", "carboplatin and pemetrexed", codings={"ingredient": drugs}))
    named = [c["valueCodeableConcept"]["coding"][0]["code"] for c in made["component"]]
    assert named == ["DB00958", "DB00642"]


def test_every_sample_of_every_field_keeps_the_shape_rules(default: Mapping) -> None:
    for dated in (True, False):
        for field in default.file.policy:
            for fact in sample_facts(field):
                made = render(
                    sample_record(dated=dated),
                    [fact],
                    default.file,
                    source=SOURCE,
                    recorded="2026-01-02T10:00:00Z",
                    system="urn:x",
                )
                assert made
                assert [faults(m) for m in made] == [[]] * len(made)
