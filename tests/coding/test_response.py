"""response."""

from __future__ import annotations

import pytest

from medie_fhir.coding.response import code_response
from medie_fhir.coding.tables import Tables


def test_the_recist_answer_is_the_second_coding(tables: Tables) -> None:
    assert [c.code for c in code_response("partial response", tables).codings["code"]] == ["268910001", "LA28369-9"]


@pytest.mark.parametrize("value", ["pCR", "pathologic complete response (breast)", "no radiographic disease"])
def test_what_a_specimen_or_an_image_shows_is_no_remission_of_the_disease(tables: Tables, value: str) -> None:
    concept = code_response(value, tables)
    assert concept.main is None
    assert concept.match != "none", "known, and text on purpose"


def test_nearly_complete_is_better_and_no_recist_answer(tables: Tables) -> None:
    assert [c.code for c in code_response("near-complete response", tables).codings["code"]] == ["268910001"]


@pytest.mark.parametrize(
    ("value", "slug"),
    [
        ("partial response then progression", "progressive-disease"),
        ("stable disease followed by progression", "progressive-disease"),
        ("initial complete response → recurrence", "recurrence"),
        ("progression after initial partial response", "progressive-disease"),
        ("progression (after initial partial response)", "progressive-disease"),
        ("partial response then intracranial progression", "progressive-disease"),
        ("progression on pembrolizumab then partial response to dabrafenib+trametinib", "partial-response"),
    ],
)
def test_of_a_course_the_latest_status_is_taken(tables: Tables, value: str, slug: str) -> None:
    assert code_response(value, tables).row == f"responses:{slug}"


@pytest.mark.parametrize(
    "value", ["complete response / no evidence of disease", "no evidence of disease (complete response)"]
)
def test_two_names_of_one_status_agree(tables: Tables, value: str) -> None:
    assert code_response(value, tables).main is not None


@pytest.mark.parametrize(
    "value",
    [
        "partial response / progression",
        "partial response (progression)",
        "partial response then trouble",
        "partial response (no progression in the brain)",
        "no progression then trouble",
    ],
)
def test_what_contradicts_or_is_unknown_gets_no_code(tables: Tables, value: str) -> None:
    assert code_response(value, tables).row is None


@pytest.mark.parametrize(
    "value",
    [
        "stable disease (extracranial)",
        "partial response (intracranial lesions)",
        "complete response (brain)",
        "partial response extracranially",
        "no evidence of distant disease",
        "progression on pembrolizumab then partial response to dabrafenib (extracranial)",
    ],
)
def test_the_answer_of_a_part_is_not_that_of_the_disease(tables: Tables, value: str) -> None:
    assert code_response(value, tables).main is None


@pytest.mark.parametrize("value", ["intracranial progression", "recurrence (liver)"])
def test_a_part_that_grows_tells_of_the_disease(tables: Tables, value: str) -> None:
    assert code_response(value, tables).main is not None


@pytest.mark.parametrize("value", ["good response to FOLFOX", "minor response", "no progression", "PSA progression"])
def test_what_recist_does_not_know_gets_no_recist_answer(tables: Tables, value: str) -> None:
    systems = {coding.system for coding in code_response(value, tables).codings["code"]}
    assert systems == {"http://snomed.info/sct"}


def test_refractory_is_not_progression(tables: Tables) -> None:
    assert code_response("refractory", tables).codings == {}


@pytest.mark.parametrize(
    ("value", "row"),
    [
        ("partial response (pathologic)", "responses:pathologic-partial-response"),
        ("complete response (pathologic)", "responses:pathologic-complete-response"),
        ("near complete response (pathologic RCB I)", None),
    ],
)
def test_a_pathologist_judges_not_by_recist(tables: Tables, value: str, row: str | None) -> None:
    assert code_response(value, tables).row == row


@pytest.mark.parametrize(
    "value",
    [
        "progression (rising PSA)",
        "partial response (CA-125 decline)",
        "complete metabolic response",
        "very good partial response",
        "complete remission",
    ],
)
def test_what_is_not_judged_by_lesions_has_no_recist_answer(tables: Tables, value: str) -> None:
    systems = [c.system for c in code_response(value, tables).codings["code"]]
    assert systems == ["http://snomed.info/sct"]


def test_a_marker_beside_an_image_leaves_the_recist_answer(tables: Tables) -> None:
    concept = code_response("partial response (CA-125 decline and radiographic reduction)", tables)
    assert [c.code for c in concept.codings["code"]] == ["268910001", "LA28369-9"]


@pytest.mark.parametrize(
    "value",
    [
        "complete clinical response (abdominal)",
        "complete response in the pelvis",
        "stable disease (prior)",
        "prior partial response",
        "clinical complete response (near-complete)",
        "complete response (possible)",
    ],
)
def test_a_part_an_earlier_status_and_an_almost_are_text(tables: Tables, value: str) -> None:
    assert code_response(value, tables).match == "none"
