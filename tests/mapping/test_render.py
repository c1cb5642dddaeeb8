"""From coded facts to resources: valid, complete, nothing invented."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medie_fhir.errors import RenderError
from medie_fhir.mapping import Mapping, effective, load_mapping, render, says_anything
from medie_fhir.mapping.samples import sample_facts, sample_record
from medie_fhir.mapping.shape import faults
from medie_fhir.model import Assertion, CodedFact, Coding, ExtractionRecord, Json

Make = Callable[..., CodedFact]
SOURCE = {"reference": "DocumentReference/copy"}
LOINC = "http://loinc.org"


@pytest.fixture
def rendered(default: Mapping, record: ExtractionRecord) -> Callable[..., list[Json]]:
    def do(*facts: CodedFact, mapping: Mapping = default, of: ExtractionRecord = record) -> list[Json]:
        return render(of, facts, mapping.file, source=SOURCE, recorded="2026-01-02T10:00:00Z", system="urn:facts")

    return do


def test_every_resource_carries_what_no_template_may_forget(rendered: Any, coded: Make) -> None:
    (made,) = rendered(coded("stage", "stage IV", "258228008", id="an-id"))
    assert made["id"] == "an-id"
    assert made["identifier"] == [{"system": "urn:facts", "value": "an-id"}]
    assert made["meta"]["security"][0]["code"] == "AIAST"
    assert made["meta"]["source"] == SOURCE["reference"]
    derivation, confidence = made["extension"]
    assert {e["url"]: e.get("valueInteger") for e in derivation["extension"]} | {"reference": None, "path": None} == {
        "reference": None,
        "path": None,
        "offset": 3,
        "length": 8,
    }
    assert confidence["valueDecimal"] == 0.88
    assert made["derivedFrom"] == [SOURCE]


def test_what_policy_holds_back_is_not_rendered(rendered: Any, coded: Make) -> None:
    assert rendered(coded("stage", "IV", written=False, reason="asserted absent")) == []


def test_a_value_without_a_code_is_text_without_a_code_and_declares_no_profile_it_may_not_meet(
    rendered: Any, coded: Make
) -> None:
    (made,) = rendered(coded("cancer_type", "strange tumour"))
    assert made["code"] == {"text": "strange tumour"}
    assert "profile" not in made["meta"]


def test_stage_and_metastasis_refer_to_the_one_cancer(rendered: Any, coded: Make) -> None:
    cancer, stage, spread = rendered(
        coded("cancer_type", "lung cancer", "254637007", id="c1"),
        coded("stage", "IV", "258228008"),
        coded("metastasis_site", "brain", "94225005"),
    )
    assert stage["focus"] == [{"reference": "Condition/c1"}]
    related = [e for e in spread["extension"] if e["url"].endswith("condition-related")]
    assert related[0]["valueReference"] == {"reference": "Condition/c1"}
    assert "focus" not in cancer


def test_with_two_cancers_nothing_is_guessed(rendered: Any, coded: Make) -> None:
    made = rendered(
        coded("cancer_type", "lung cancer", "1", id="c1"),
        coded("cancer_type", "melanoma", "2", id="c2"),
        coded("stage", "IV", "258228008"),
    )
    assert "focus" not in made[-1]


def of_group(fact: CodedFact, group: int | None) -> CodedFact:
    return replace(fact, fact=fact.fact.model_copy(update={"group": group}))


def test_with_two_cancers_a_fact_refers_to_the_one_of_its_group(rendered: Any, coded: Make) -> None:
    made = rendered(
        of_group(coded("cancer_type", "lung cancer", "1", id="c1"), 1),
        of_group(coded("cancer_type", "melanoma", "2", id="c2"), 2),
        of_group(coded("stage", "IV", "258228008"), 2),
        of_group(coded("response", "stable disease", "3"), None),
    )
    by_field = {m["id"]: m.get("focus") for m in made}
    assert by_field == {"c1": None, "c2": None, "stage-1": [{"reference": "Condition/c2"}], "response-1": None}


@given(
    st.lists(st.tuples(st.sampled_from([None, 1, 2, 3]), st.booleans()), max_size=4),
    st.lists(st.sampled_from([None, 1, 2, 3]), min_size=1, max_size=3),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_reference_leads_out_of_the_bundle_or_to_another_group(
    rendered: Any, coded: Make, cancers: list[tuple[int | None, bool]], stages: list[int | None]
) -> None:
    facts = [
        replace(of_group(coded("cancer_type", f"cancer {n}", "1", id=f"c{n}"), group), written=written)
        for n, (group, written) in enumerate(cancers)
    ]
    staged = [of_group(coded("stage", "IV", "258228008", id=f"s{n}"), group) for n, group in enumerate(stages)]
    groups = {f.id: f.fact.group for f in (*facts, *staged)}
    made = {m["id"]: m for m in rendered(*facts, *staged)}
    for stage in staged:
        for focus in made[stage.id].get("focus", []):
            cancer = focus["reference"].removeprefix("Condition/")
            assert made[cancer]["resourceType"] == "Condition"
            assert groups[stage.id] in (None, groups[cancer])


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


@pytest.mark.parametrize(
    ("period", "date", "expected"),
    [
        ({"start": "2025-12-24"}, "2026-01-01T09:00:00Z", "2025-12-24"),
        (None, "2026-01-01T09:00:00+01:00", "2026-01-01T09:00:00+01:00"),
        ({"start": "2025"}, "2026-01-01T09:00:00Z", "2026-01-01T09:00:00Z"),
        ({"start": "2025-12"}, None, None),
        ({"start": "2025-12-24T10:00"}, None, "2025-12-24"),
        (None, None, None),
    ],
)
def test_the_date_is_to_the_day_at_least_or_not_given(
    record: ExtractionRecord, period: Json | None, date: str | None, expected: str | None
) -> None:
    document = record.document.model_copy(update={"period": period, "date": date})
    assert effective(record.model_copy(update={"document": document})) == expected


def test_a_template_may_make_several_resources_of_one_fact_each_with_its_own_id(
    rendered: Any, coded: Make, default: Mapping, default_text: str
) -> None:
    again = """\
  - name: again
    field: stage
    when: "%fact.confidence > 0.5"
    resource: {resourceType: Observation, status: preliminary, code: {text: again}, subject: "{{ %subject }}"}
"""
    mapping = load_mapping(
        default_text.replace("templates:\n", "templates:\n" + again), "twice.yaml", default.file.policy
    )
    assert [m["id"] for m in rendered(coded("stage", "IV", id="s"), mapping=mapping)] == ["s", "s-1"]


def test_a_cancer_that_a_template_leaves_out_is_referred_to_by_nothing(
    rendered: Any, coded: Make, default: Mapping, default_text: str
) -> None:
    picky = default_text.replace(
        "    field: cancer_type\n", '    field: cancer_type\n    when: "%fact.confidence > 0.99"\n', 1
    )
    mapping = load_mapping(picky, "picky.yaml", default.file.policy)
    (stage,) = rendered(coded("cancer_type", "lung cancer", "1", id="c1"), coded("stage", "IV", "2"), mapping=mapping)
    assert "focus" not in stage


def test_a_resource_that_is_not_valid_names_template_and_element_and_never_a_value(
    default: Mapping, record: ExtractionRecord, coded: Make
) -> None:
    template = default.file.templates[1].model_copy(
        update={
            "resource": {
                **default.file.templates[1].resource,
                "status": "{{ %fact.value }}",
                "issued": "{{ %fact.value }}",
            }
        }
    )
    broken = default.file.model_copy(update={"templates": (template,)})
    with pytest.raises(RenderError) as caught:
        render(
            record, [coded("stage", "SENTINEL")], broken, source=SOURCE, recorded="2026-01-02T10:00:00Z", system="urn:x"
        )
    assert "cancer stage" in str(caught.value)
    assert "issued" in str(caught.value)
    assert "SENTINEL" not in str(caught.value)


def test_what_is_another_patients_is_not_the_notes_one_cancer(
    default: Mapping, record: ExtractionRecord, coded: Make
) -> None:
    """A TNM stage group must have a focus: without one it is a cancer stage."""
    facts = [coded("cancer_type", "lung cancer", "363358000", id="c"), coded("stage", "stage IV", "258228008", id="s")]

    def stage(apart: set[str]) -> Json:
        made = render(record, facts, default.file, source=SOURCE, recorded="2026", system="urn:x", apart=apart)
        return next(r for r in made if r["id"] == "s")

    assert stage({"Condition/else"})["focus"] == [{"reference": "Condition/c"}]
    assert "focus" not in stage({"Condition/c"})
    assert faults(stage({"Condition/c"})) == []


def test_whether_anything_is_said_is_known_before_it_is_made(
    default: Mapping, record: ExtractionRecord, rendered: Any
) -> None:
    def says(*facts: CodedFact) -> bool:
        return says_anything(record, facts, default.file, source=SOURCE, recorded="2026-01-02T10:00:00Z")

    assert not says()
    for field in default.file.policy:
        for fact in sample_facts(field):
            assert says(fact) == bool(rendered(fact))
            assert not says(replace(fact, written=False))
    for_nobody = [t.model_copy(update={"when": "false"}) for t in default.file.templates]
    nothing = replace(default, file=default.file.model_copy(update={"templates": for_nobody}))
    (fact, *_) = sample_facts("stage")
    assert not says_anything(record, [fact], nothing.file, source=SOURCE, recorded="2026-01-02T10:00:00Z")
    assert rendered(fact, mapping=nothing) == []
