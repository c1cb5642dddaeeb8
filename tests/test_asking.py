"""Which values are asked, and what an answer may change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.asking import ask, open_questions, with_answer
from medie_fhir.coding import MAX_CHARACTERS, code
from medie_fhir.errors import TerminologyUnavailable
from medie_fhir.mapping import FieldPolicy, judge
from medie_fhir.model import (
    Alignment,
    Assertion,
    CodedFact,
    Coding,
    Concept,
    DocumentInfo,
    Evidence,
    Experiencer,
    Fact,
)
from medie_fhir.transaction import identify

ANSWER = Concept("s|c", {"code": (Coding(system="s", code="c", display="C"),)}, match="synonym", row="server")
POLICY = {
    "cancer_type": FieldPolicy(uncoded=False),
    "metastasis_site": FieldPolicy(),
    "treatment": FieldPolicy(minimal_confidence=0.5),
}
DOCUMENT = DocumentInfo(reference="DocumentReference/d1", status="current", subject={"reference": "Patient/p1"})


def fact(value: str, field: str = "metastasis_site", **more: object) -> Fact:
    given = {"alignment": Alignment.EXACT, "evidence": (Evidence(start=0, end=len(value) or 1, text=value),)} | more
    return Fact(field=field, value=value, **given)


def coded(tables, *facts: Fact) -> tuple[CodedFact, ...]:
    known = [(f, code(f.field, f.value, tables)) for f in facts]
    return identify(DOCUMENT, [(f, c, judge(f, c, POLICY[f.field])) for f, c in known])


@pytest.fixture(scope="session")
def tables(configuration):
    return configuration.tables


def test_only_what_no_table_knows_is_asked_and_each_value_once(tables):
    facts = coded(tables, fact("brain"), fact("omphalos"), fact("omphalos"), fact("omphalos", "cancer_type"))
    assert open_questions(facts, POLICY) == (("metastasis_site", "omphalos"), ("cancer_type", "omphalos"))


@pytest.mark.parametrize(
    "more",
    [
        {"assertion": Assertion.ABSENT},
        {"assertion": Assertion.PLANNED},
        {"experiencer": Experiencer.FAMILY},
        {"alignment": Alignment.NONE},
        {"evidence": ()},
        {"field": "treatment", "confidence": 0.4},
    ],
)
def test_what_would_not_be_written_with_a_code_either_is_told_to_nobody(tables, more):
    assert open_questions(coded(tables, fact("omphalos", **more)), POLICY) == ()


def test_a_passage_is_no_term_and_is_not_asked(tables):
    assert open_questions(coded(tables, fact("x" * (MAX_CHARACTERS + 1))), POLICY) == ()


async def test_what_the_server_does_not_know_is_not_among_the_answers():
    class Server:
        async def code(self, field: str, value: str) -> Concept | None:
            return ANSWER if (field, value) == ("f", "known") else None

    questions = [("f", "known"), ("f", "unknown"), ("g", "known")]
    assert await ask(Server(), questions) == {("f", "known"): ANSWER}
    assert await ask(Server(), []) == {}


async def test_one_failure_is_the_failure_of_all():
    class Server:
        async def code(self, field: str, value: str) -> Concept | None:
            if value == "known":
                return ANSWER
            raise TerminologyUnavailable("away")

    with pytest.raises(TerminologyUnavailable):
        await ask(Server(), [("f", "known"), ("f", "unknown")])


def test_an_answer_gives_codes_key_and_origin_and_keeps_what_else_is_known():
    concept = Concept("text|x", {"laterality": ANSWER.codings["code"]}, {"kind": "other"})
    given = with_answer("metastasis_site", "x", concept, {("metastasis_site", "x"): ANSWER})
    assert (given.key, given.match, given.row) == ("s|c", "synonym", "server")
    assert given.codings == {**concept.codings, **ANSWER.codings}
    assert given.attributes == {"kind": "other"}


def test_an_answer_for_another_field_changes_nothing():
    concept = Concept("text|x")
    assert with_answer("metastasis_site", "x", concept, {("cancer_type", "x"): ANSWER}) is concept


@given(
    st.sampled_from(["brain", "liver", "left lung", "omphalos", "brain; liver", ""]) | st.text(max_size=30),
    st.sampled_from(sorted(POLICY)),
)
def test_a_hit_of_the_tables_always_wins(configuration, value, field):
    concept = code(field, value, configuration.tables)
    given = with_answer(field, value, concept, {(field, value): ANSWER})
    assert given == concept if concept.match != "none" else given.key == ANSWER.key
