"""What a terminology server's answer means, and above all what it doesn't."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.terminology_answers import codings, question
from medie_fhir.model import Json
from medie_fhir.settings import TerminologyQuestion

SNOMED, ICD, WORDS = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm", "http://example.org/words"
TRANSLATE = TerminologyQuestion(operation="translate", system=WORDS, concept_map="http://example.org/cm")
VALIDATE = TerminologyQuestion(operation="validate-code", system=ICD, value_set="http://example.org/vs")
LOOKUP = TerminologyQuestion(operation="lookup", system=ICD)
LUNG = {"system": SNOMED, "code": "363358000", "display": "Malignant tumor of lung"}
LUNG_ICD = {"system": ICD, "code": "C34.90", "display": "Malignant neoplasm of lung"}


def parameters(**given: Any) -> Json:
    named = [{"name": name, "valueBoolean" if isinstance(v, bool) else "valueString": v} for name, v in given.items()]
    return {"resourceType": "Parameters", "parameter": named}


def translated(*matches: tuple[Any, Any], result: bool = True, word: str = "equivalence") -> Json:
    answer = parameters(result=result)
    for same, concept in matches:
        parts = [{"name": word, "valueCode": same}, {"name": "concept", "valueCoding": concept}]
        answer["parameter"].append({"name": "match", "part": parts})
    return answer


def asked(asked_of: TerminologyQuestion, value: str) -> Json:
    sent = question(asked_of, value)
    assert sent is not None
    return sent


def found(asked_of: TerminologyQuestion, answer: Json, value: str = "c34.90") -> list[Json]:
    return [c.model_dump(exclude_none=True) for c in codings(asked_of, asked(asked_of, value), answer)]


def test_a_question_names_map_and_systems_and_holds_the_value_as_a_code():
    aimed = TRANSLATE.model_copy(update={"target_system": SNOMED, "lower_case": True})
    assert asked(aimed, "  Ca \n pulm ")["parameter"] == [
        {"name": "url", "valueUri": "http://example.org/cm"},
        {"name": "system", "valueUri": WORDS},
        {"name": "targetsystem", "valueUri": SNOMED},
        {"name": "code", "valueCode": "ca pulm"},
    ]
    assert asked(TRANSLATE, "Ca pulm")["parameter"][-1]["valueCode"] == "Ca pulm"
    assert [p["name"] for p in asked(LOOKUP, "C34")["parameter"]] == ["system", "code"]


def test_a_blank_value_is_no_question():
    assert question(TRANSLATE, " \n\t") is None


@pytest.mark.parametrize("same", ["equal", "equivalent"])
def test_a_translation_that_is_the_same_is_taken(same):
    assert found(TRANSLATE, translated((same, LUNG))) == [LUNG]


@pytest.mark.parametrize(
    "same", ["wider", "narrower", "inexact", "relatedto", "subsumes", "specializes", "unmatched", "disjoint", None, 1]
)
def test_a_translation_that_is_only_near_is_none(same):
    assert found(TRANSLATE, translated((same, LUNG))) == []
    assert found(TRANSLATE, translated((same, LUNG), ("equivalent", LUNG_ICD))) == [LUNG_ICD]


def test_the_relationship_of_r5_is_read_as_well():
    assert found(TRANSLATE, translated(("equivalent", LUNG), word="relationship")) == [LUNG]
    assert found(TRANSLATE, translated(("source-is-narrower-than-target", LUNG), word="relationship")) == []


def test_a_result_that_is_false_outweighs_its_matches():
    assert found(TRANSLATE, translated(("equivalent", LUNG), result=False)) == []


def test_codes_of_two_systems_come_in_the_order_of_the_systems_whatever_the_server_s():
    matches = [("equivalent", LUNG), ("equal", LUNG_ICD)]
    assert found(TRANSLATE, translated(*matches)) == found(TRANSLATE, translated(*matches[::-1])) == [LUNG_ICD, LUNG]


def test_two_codes_of_one_system_are_none_for_nobody_can_tell_which_is_meant():
    other = LUNG | {"code": "254637007"}
    assert found(TRANSLATE, translated(("equal", LUNG), ("equivalent", other))) == []
    assert found(TRANSLATE, translated(("equal", LUNG), ("equivalent", LUNG))) == [LUNG]


def test_only_the_target_system_counts_where_one_is_set():
    aimed = TRANSLATE.model_copy(update={"target_system": SNOMED})
    assert found(aimed, translated(("equal", LUNG_ICD), ("equal", LUNG))) == [LUNG]


def test_a_code_that_is_whole_only_with_others_is_none():
    answer = translated(("equivalent", LUNG))
    answer["parameter"][1]["part"].append({"name": "product", "part": []})
    assert found(TRANSLATE, answer) == []


def test_a_valid_code_is_taken_as_the_server_writes_it():
    assert found(VALIDATE, parameters(result=True, display="Lung", code="C34.90")) == [LUNG_ICD | {"display": "Lung"}]
    assert found(VALIDATE, parameters(result=True, display="Lung"), "C34.90") == [LUNG_ICD | {"display": "Lung"}]
    assert found(LOOKUP, parameters(name="ICD-10-CM", display="Lung"), "C34.90") == [LUNG_ICD | {"display": "Lung"}]


@pytest.mark.parametrize(
    "answer",
    [
        parameters(result=False, display="Lung"),
        parameters(display="Lung"),
        parameters(result=True),
        parameters(result=True, display=" "),
        parameters(result=True, display="Lung", code="C34.91"),
        parameters(result=True, display="Lung", system=SNOMED),
        parameters(result=True, display="Lung", inactive=True),
        {"resourceType": "Parameters"},
    ],
)
def test_a_code_that_is_not_valid_or_has_no_name_or_is_another_is_none(answer):
    assert found(VALIDATE, answer) == []


def test_a_code_out_of_use_is_none():
    out = parameters(name="ICD-10-CM", display="Lung")
    parts = [{"name": "code", "valueCode": "inactive"}, {"name": "value", "valueBoolean": True}]
    out["parameter"].append({"name": "property", "part": parts})
    assert found(LOOKUP, out) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["result", "match", "concept", "equivalence", "", " "]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["parameter", "name", "part", "valueCode", "valueCoding", "valueBoolean", "system", "code"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.just("parameter"), json_values))
def test_an_answer_of_any_shape_gives_codes_or_none_and_no_error(answer):
    for each in (TRANSLATE, VALIDATE, LOOKUP):
        for coding in codings(each, asked(each, "x"), answer):
            assert coding.system
            assert coding.code
