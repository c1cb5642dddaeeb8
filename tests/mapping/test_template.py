"""Templates are evaluated; what a note says never is."""

from decimal import Decimal
from typing import Any

import fpml
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from medie_fhir.mapping.compile import Compiler
from medie_fhir.mapping.template import NOTHING, Origin, Scope, Unrenderable

VARIABLES = dict.fromkeys(("x", "y", "list", "none", "object", "fact", "q"))


def made(template: Any, variables: dict[str, Any], *, traced: bool = False) -> Any:
    """What a template without faults makes; None where it makes nothing."""
    compiler = Compiler(known=VARIABLES)
    node = compiler.template(template)
    assert compiler.faults == []
    value = node.make(Scope(variables, {}, traced))
    return None if value is NOTHING else value


def faults(template: Any) -> list[str]:
    compiler = Compiler(known=VARIABLES)
    compiler.template(template)
    return [f"{'.'.join(map(str, place))}: {what}" for place, what in compiler.faults]


def test_a_path_an_expression_and_an_array_give_their_values() -> None:
    variables = {"fact": {"value": "IV", "codes": [{"code": "a"}, {"code": "b"}]}}
    template = {
        "one": "{{ %fact.value }}",
        "joined": "stage {{ %fact.value }}",
        "all": "{[ %fact.codes ]}",
        "codes": "{[ %fact.codes.code ]}",
        "counted": "{{ %fact.codes.count() }}",
        "none": "{{ %fact.missing }}",
        "half": "stage {{ %fact.missing }}",
        "null": "{{+ %fact.missing +}}",
    }
    assert made(template, variables) == {
        "one": "IV",
        "joined": "stage IV",
        "all": [{"code": "a"}, {"code": "b"}],
        "codes": ["a", "b"],
        "counted": 2,
        "null": None,
    }


SCALARS = st.sampled_from(
    ["a", 1, True, "{{ %x }}", "{{ %list.first() }}", "{{ %none }}", "b {{ %x }} c", "{[ %list ]}"]
)
BLOCKS = st.sampled_from(["{% if %x.exists() %}", "{% if %none.exists() %}", "{% for i in %list %}", "{% merge %}"])
TEMPLATES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["k", "l", "m"]), inner, max_size=3)
        | st.builds(lambda block, value: {block: value}, BLOCKS, inner)
        | st.builds(
            lambda value, other, rest: {"{% if %none.exists() %}": value, "{% else %}": {"o": other}, **rest},
            inner,
            inner,
            st.dictionaries(st.sampled_from(["k", "l"]), inner, max_size=2),
        )
    ),
    max_leaves=12,
)


@given(TEMPLATES)
def test_a_template_makes_what_fpml_makes_of_it(template: Any) -> None:
    """FPML's own engine (Beda Software) is the reference; values here are such that it can't take for templates."""
    variables = {"x": "v", "list": ["p", "q"], "none": None, "object": {"deep": [1]}}
    try:
        theirs = fpml.resolve_template({}, template, variables)
    except fpml.FPMLValidationError:
        theirs = Unrenderable
    try:
        ours = made(template, variables)
    except Unrenderable:
        ours = Unrenderable
    assume(not (theirs is Unrenderable or ours is Unrenderable) or theirs is ours)
    assert ours == theirs


@pytest.mark.parametrize(
    "hostile",
    ["{{ 1 + 1 }}", "a {{ %fact }} b", "{[ %fact.secret ]}", "{% if true %}", "{{", "{{+ 1 +}}", "%fact.secret"],
)
def test_a_note_that_looks_like_a_template_is_written_as_it_stands(hostile: str) -> None:
    template = {
        "text": "{{ %fact.value }}",
        "in": "x {{ %fact.value }} y",
        "all": "{[ %fact.list ]}",
        "object": "{{ %fact.object }}",
        "{% merge %}": "{{ %fact.object }}",
    }
    value = {
        "value": hostile,
        "list": [hostile],
        "object": {"deep": [hostile], "{% if true %}": hostile},
        "secret": "s",
    }

    assert made(template, {"fact": value}) == {
        "text": hostile,
        "in": f"x {hostile} y",
        "all": [hostile],
        "object": value["object"],
        **value["object"],
    }


def test_decimals_come_out_as_numbers_of_json() -> None:
    template = {"v": "{{ %q.value + 0 }}", "n": "{{ %q.whole + 0 }}"}

    assert made(template, {"q": {"value": 12.4, "whole": Decimal(3)}}) == {"v": 12.4, "n": 3}


def test_several_values_where_one_is_due_are_an_error_and_not_the_first_of_them() -> None:
    with pytest.raises(Unrenderable, match="gives 2 values where one is due") as caught:
        made({"a": {"b": "{{ %list }}"}}, {"list": ["SENTINEL", "q"]})

    assert caught.value.place == ("a", "b")
    assert "SENTINEL" not in str(caught.value)


def test_a_condition_that_is_no_truth_value_is_an_error_and_not_false() -> None:
    with pytest.raises(Unrenderable, match="neither true nor false"):
        made({"{% if %x %}": {"a": 1}}, {"x": "text"})


def test_an_assigned_variable_is_known_within_its_object_and_after_itself() -> None:
    template = {"{% assign %}": [{"a": "{{ %x }}"}, {"b": "{{ %a }}!"}], "k": ["{{ %b }}"], "l": {"m": "{{ %a }}"}}

    assert made(template, {"x": "v"}) == {"k": ["v!"], "l": {"m": "v"}}


def test_a_loop_knows_its_item_and_its_number() -> None:
    assert made({"{% for n, i in %list %}": {"v": "{{ %i }}", "n": "{{ %n }}"}}, {"list": ["p", "q"]}) == [
        {"v": "p", "n": 0},
        {"v": "q", "n": 1},
    ]


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ({"a": ["{{ %x.( }}"]}, "a.0: '%x.(' is no FHIRPath expression"),
        ({"a": "{{ %fcat.value }}"}, "a: '%fcat' is no variable (did you mean '%fact'?); allowed: fact,"),
        ({"a": "{{ iif(%y.exists(), %z, 1) }}"}, "a: '%z' is no variable"),
        ({"a": "{{ %x"}, "a: a brace"),
        ({"a": "b {[ %x ]}"}, "a: {[ … ]} is a list"),
        ({"{% unless %x %}": 1}, "{% unless %x %}: '{% unless %x %}' is no block; allowed: if,"),
        ({"{% else %}": 1}, "{% else %}: an object takes one {% if … %}"),
        ({"{% for i in %list %}": 1, "k": 2}, "{% for i in %list %}: stands alone"),
        ({"{% for i in %list %}": "{{ %j }}"}, "'%j' is no variable; allowed: fact, i, list"),
        ({"{% assign %}": {"a": 1, "b": 2}}, "{% assign %}: assign takes one name"),
    ],
)
def test_each_fault_of_a_template_is_told_with_its_place(template: Any, found: str) -> None:
    assert any(found in fault for fault in faults(template)), faults(template)


def test_all_faults_are_told_at_once() -> None:
    assert len(faults({"a": "{{ %nope }}", "b": ["{{ (( }}"], "c": {"{% what %}": 1}})) == 3


def test_a_traced_rendering_tells_where_each_value_came_from() -> None:
    template = {"a": "fixed", "b": ["{{ %x }}"], "{% if %x.exists() %}": {"c": "x {{ %x }}"}}

    assert made(template, {"x": "v"}, traced=True) == {
        "a": Origin("fixed", ("a",), None),
        "b": [Origin("v", ("b", 0), "%x")],
        "c": Origin("x v", ("{% if %x.exists() %}", "c"), "%x"),
    }
