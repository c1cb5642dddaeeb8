"""What refers to what: to the fact's own cancer, or to nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medie_fhir.mapping import Mapping, load_mapping, render
from medie_fhir.mapping.shape import faults
from medie_fhir.model import CodedFact, ExtractionRecord, Json

Make = Callable[..., CodedFact]
SOURCE = {"reference": "DocumentReference/copy"}
LOINC = "http://loinc.org"


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


def test_a_cancer_that_a_template_leaves_out_is_referred_to_by_nothing(
    rendered: Any, coded: Make, default: Mapping, default_text: str
) -> None:
    picky = default_text.replace(
        "    field: cancer_type\n", '    field: cancer_type\n    when: "%fact.confidence > 0.99"\n', 1
    )
    mapping = load_mapping(picky, "picky.yaml", default.file.policy)
    (stage,) = rendered(coded("cancer_type", "lung cancer", "1", id="c1"), coded("stage", "IV", "2"), mapping=mapping)
    assert "focus" not in stage


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


def test_a_second_template_of_the_cancer_takes_no_reference_away(
    rendered: Any, coded: Make, default: Mapping, default_text: str
) -> None:
    beside = """\
  - name: cancer, as an observation too
    field: cancer_type
    resource: {resourceType: Observation, status: preliminary, code: {text: again}, subject: "{{ %subject }}"}
"""
    mapping = load_mapping(default_text.rstrip() + "\n" + beside, "two.yaml", default.file.policy)
    facts = coded("cancer_type", "lung cancer", "1", id="c1"), coded("stage", "IV", "2", id="s")
    made = {m["id"]: m for m in rendered(*facts, mapping=mapping)}
    assert {m["resourceType"] for m in made.values()} == {"Condition", "Observation"}
    assert made["s"]["focus"] == [{"reference": "Condition/c1"}]
    assert made["c1"]["resourceType"] == "Condition"
    assert made["c1-1"]["resourceType"] == "Observation"
