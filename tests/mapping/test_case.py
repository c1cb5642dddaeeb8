"""A mapping's test case: its file's shape, its faults, and putting other expectations into it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.errors import InvalidMapping
from medie_fhir.mapping.case import Case, expecting, load_case
from medie_fhir.model import Alignment, Evidence, Experiencer

SHORT = """
about: what it shows
extraction:
  facts:
    - { field: stage, value: II, evidence: [stage II, II], section: assessment }
    - { field: stage, value: III, experiencer: family }
    - { field: stage, value: IV, evidence: [] }
"""


def load(text: str) -> Case:
    return load_case(text, "c.yaml", ("stage", "treatment"))


def faults(text: str) -> list[str]:
    with pytest.raises(InvalidMapping) as raised:
        load(text)
    return raised.value.faults


def test_a_fact_may_leave_out_what_a_case_needs_not_say() -> None:
    case = load(SHORT)
    one, two, three = case.record.facts
    section = "assessment"
    assert one.evidence == (
        Evidence(start=0, end=8, text="stage II", section=section),
        Evidence(start=9, end=11, text="II", section=section),
    )
    assert (two.evidence, two.experiencer) == ((Evidence(start=12, end=15, text="III"),), Experiencer.FAMILY)
    assert (one.alignment, three.alignment, three.evidence) == (Alignment.EXACT, Alignment.NONE, ())
    assert case.record.document.date is not None
    assert case.expect is None


def test_a_document_may_be_given_in_part_and_null_takes_an_element_away() -> None:
    document = load("extraction: { document: { date: null, source: x } }\nexpect_none: true").record.document
    assert (document.date, document.source, document.subject) == (None, "x", {"reference": "Patient/case"})


def test_a_record_as_it_stands_on_the_topic_is_taken_whole() -> None:
    record = load(SHORT).record
    text = yaml.safe_dump({"extraction": yaml.safe_load(record.to_json()), "expect_none": True})
    case = load(text)
    assert case.record == record
    assert case.expect == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- 1", "c.yaml:1: a case is a YAML mapping with extraction"),
        (
            "extraction: {}\nexpectt: []",
            "c.yaml:2:10: expectt: no such key (did you mean 'expect'?); allowed: about, extraction, expect, ",
        ),
        (
            "extraction:\n  facts:\n    - { feild: stage, value: II }",
            "c.yaml:3:16: extraction.facts.0.feild: no such key (did you mean 'field'?); allowed: field, value, ",
        ),
        (
            "extraction:\n  document: { dat: x }",
            "c.yaml:2:20: extraction.document.dat: no such key (did you mean 'date'?); allowed: reference, ",
        ),
        (
            "extraction:\n  schema: medie.extraction/1\n  produced: { att: x }",
            "c.yaml:3:20: extraction.produced.att: no such key (did you mean 'at'?); allowed: at, software, task, ",
        ),
        (
            "extraction:\n  facts:\n    - { field: stge, value: II }",
            "c.yaml:3:16: extraction.facts.0.field: no field of the task (did you mean 'stage'?); allowed: stage, ",
        ),
        ("extraction:\n  facts:\n    - { field: stage, valu: II }", "c.yaml:3:7: extraction.facts.0.value: missing"),
        ("extraction:\n  document:\n    date: 2026-01-01", "extraction.document.date: a date or time stands in quotes"),
        ("extraction: {}\nexpect: []\nexpect_none: true", "c.yaml:3:14: expect_none: there is an expect too"),
        ("extraction: {}\nextraction: {}", "c.yaml:2:1: extraction: the key stands twice"),
    ],
)
def test_faults_are_told_with_their_place(text: str, fault: str) -> None:
    assert any(fault in told for told in faults(text)), faults(text)


def test_what_a_whole_record_holds_is_not_told_for_it_may_be_a_patients() -> None:
    text = "extraction:\n  facts: [{ field: stage, value: II, assertion: Jane Doe, confidence: Jane Doe }]"
    told = faults(text)
    assert len(told) == 2
    assert not any("Jane" in fault for fault in told)


def test_other_expectations_leave_the_rest_as_it_was_written() -> None:
    text = "# mine\nabout: x # here\nexpect:\n  - a: 1\n    b:\n      - 2\n\n# the extraction\nextraction: {}\n"
    made = expecting(text, [{"resourceType": "Condition"}])
    head, tail = "# mine\nabout: x # here\n", "\n# the extraction\nextraction: {}\n"
    assert made == f"{head}expect:\n- {{resourceType: Condition}}\n{tail}"
    assert expecting(made, []) == f"{head}expect_none: true\n{tail}"


def test_a_case_that_says_nothing_yet_gets_its_expectation_at_the_end() -> None:
    assert expecting("extraction: {}", []) == "extraction: {}\nexpect_none: true\n"


TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from("\n\t\r\x85\u2028: #'"), max_size=8)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
EXPECTED = st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=3)


@settings(deadline=None)
@given(EXPECTED, EXPECTED)
def test_what_is_written_is_what_is_read(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> None:
    text = "extraction: {}\n"
    for found in (one, two, one):
        text = expecting(text, found)
        case = load(text + "about: after\n")
        assert list(case.expect or ()) == found
        assert case.about == "after"


def test_a_wrong_field_and_a_wrong_word_are_told_both_and_never_the_value() -> None:
    told = faults(
        "extraction:\n  facts:\n    - { field: stagee, value: SECRET, assertion: presnt }\n"
        "expect_none: SECRET\nexat: true\n"
    )
    text = "\n".join(told)
    assert "extraction.facts.0.assertion: " in text
    assert "(did you mean 'present'?)" in text
    assert "extraction.facts.0.field: no field of the task (did you mean 'stage'?)" in text
    assert "expect_none: must be true or false" in text
    assert "exat: no such key (did you mean 'exact'?)" in text
    assert "SECRET" not in text
