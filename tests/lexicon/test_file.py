"""A lexicon from its files: macros, and faults with their file and line."""

import pytest

from medie_fhir.errors import InvalidTask
from medie_fhir.lexicon import load_lexicon

RULE = "- pattern: '{marker}'\n"


def test_a_macro_may_hold_others() -> None:
    lexicon = load_lexicon({"macros": "a: 'x{b}'\nb: y|z\n", "stage": "- pattern: '{a}{2}'\n"}, {"stage"})
    pattern = lexicon.tests["stage"][0].pattern
    assert pattern is not None
    assert pattern.fullmatch("xyxz"), "{2} is a repetition, and no macro"


def test_the_tables_are_those_that_rules_name() -> None:
    files = {"stage": "- table: stages\n- pattern: x\n- table: groups\n"}
    assert load_lexicon(files, {"stage"}).tables == {"stages", "groups"}


def test_each_fault_has_its_file_and_line() -> None:
    files = {
        "stage": "# a comment\n- pattern: x\n- pattern: y\n  before: '('\n- table: t\n  pattern: x\n",
        "response": "- pattern: x\n  surprise: 1\n- pattern: x\n  confidence: 2\n",
    }
    with pytest.raises(InvalidTask) as raised:
        load_lexicon(files, {"stage", "response"})
    told = str(raised.value).splitlines()
    starts = (
        "stage.yaml: line 4: before",
        "stage.yaml: line 5: ",
        "response.yaml: line 2: s",
        "response.yaml: line 4: ",
    )
    assert [line.startswith(f"lexicon: {start}") for line, start in zip(told, starts, strict=True)] == [True] * 4


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"stage": "- pattern: '{no}'\n"}, "lexicon: stage.yaml: line 1: pattern: no macro 'no'"),
        ({"macros": "a: '{a}'\n", "stage": "- pattern: '{a}'\n"}, "line 1: pattern: a macro holds itself"),
        ({"stage": "- pattern: 'a'\n- pattern: 'b\n"}, "stage.yaml: line 3: not YAML"),
        ({"grade": "- pattern: a\n"}, "grade.yaml: the task has no field of this name"),
        ({"stage": "- kinds: [a]\n  pattern: a\n"}, "kinds are of a table's entries"),
        ({"asides": "notes: ['(']\n", "stage": "- pattern: a\n"}, "asides.yaml: line 1: not a regular expression"),
        ({"stage": ""}, "stage.yaml: line 1: "),
        ({}, "fields: "),
    ],
)
def test_a_fault_is_told(files: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidTask, match="lexicon: ") as raised:
        load_lexicon(files, {"stage"})
    assert told in str(raised.value)


def test_the_digest_is_of_all_of_it() -> None:
    base = {"macros": "a: x\n", "stage": "- pattern: '{a}'\n  sections: [plan, labs]\n"}
    others = (
        base | {"macros": "a: y\n"},
        base | {"stage": "- pattern: '{a}'\n"},
        base | {"asides": "notes: [x]\n"},
        base,
        base | {"stage": "- pattern: '{a}'\n  sections: [labs, plan]\n"},
    )
    digests = [load_lexicon(files, {"stage"}).digest for files in others]
    assert len(set(digests)) == 4
    assert digests[3] == digests[4], "the order of a set is none"
