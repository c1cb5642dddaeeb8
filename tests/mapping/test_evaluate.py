"""Templates are evaluated; what a note says never is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.errors import RenderError
from medie_fhir.mapping.evaluate import compile_expression, expressions, resolve


def test_a_path_an_expression_and_an_array_give_their_values() -> None:
    variables = {"fact": {"value": "IV", "codes": [{"code": "a"}, {"code": "b"}]}}
    template = {
        "one": "{{ %fact.value }}",
        "joined": "stage {{ %fact.value }}",
        "all": "{[ %fact.codes ]}",
        "codes": "{[ %fact.codes.code ]}",
        "counted": "{{ %fact.codes.count() }}",
        "none": "{{ %fact.missing }}",
    }
    assert resolve(template, variables) == {
        "one": "IV",
        "joined": "stage IV",
        "all": [{"code": "a"}, {"code": "b"}],
        "codes": ["a", "b"],
        "counted": 2,
    }


@pytest.mark.parametrize(
    "hostile",
    ["{{ 1 + 1 }}", "a {{ %fact }} b", "{[ %fact.secret ]}", "{% if true %}", "{{", "\ue0000\ue001", "{{+ 1 +}}"],
)
def test_a_note_that_looks_like_a_template_is_written_as_it_stands(hostile: str) -> None:
    made = resolve(
        {
            "text": "{{ %fact.value }}",
            "in": "x {{ %fact.value }} y",
            "all": "{[ %fact.list ]}",
            "object": "{{ %fact.object }}",
        },
        {"fact": {"value": hostile, "list": [hostile], "object": {"deep": [hostile]}, "secret": "s"}},
    )
    assert made == {"text": hostile, "in": f"x {hostile} y", "all": [hostile], "object": {"deep": [hostile]}}


@given(st.text(alphabet=st.sampled_from("{}[]%+ \ue000\ue00101ab")))
def test_no_text_is_ever_evaluated(text: str) -> None:
    assert resolve({"t": "{{ %fact.value }}"}, {"fact": {"value": text}}) == {"t": text}


def test_decimals_come_out_as_numbers_of_json() -> None:
    made = resolve({"v": "{{ %q.value + 0 }}", "n": "{{ %q.whole + 0 }}"}, {"q": {"value": 12.4, "whole": 3}})
    assert made == {"v": 12.4, "n": 3}


def test_a_failing_template_names_its_place_and_no_value() -> None:
    with pytest.raises(RenderError) as caught:
        resolve({"a": {"b": "{{ %fact.value.undefinedFunction() }}"}}, {"fact": {"value": "SENTINEL"}})
    assert "a.b" in str(caught.value)
    assert "SENTINEL" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_every_expression_of_a_template_is_found_with_its_place() -> None:
    template = {
        "a": ["x {{ %p.q }} {{ 1 + 1 }}"],
        "{% if %r.exists() %}": {"b": "{[ %s ]}"},
        "{% for i in %t %}": "{{ %i }}",
    }
    found = {e for _, e in expressions(template)}
    assert found == {"%p.q", "1 + 1", "%r.exists()", "%s", "%t", "%i"}


def test_a_plain_path_gives_what_fhirpath_gives() -> None:
    variables = {"x": {"list": [{"v": 1}, {"v": None}, {}, {"v": [2, 3]}], "one": "t"}}
    for path in ("%x.list.v", "%x.one", "%x.none.deeper", "%x.one.deeper"):
        assert compile_expression(path)({}, variables) == compile_expression(f"({path})")({}, variables)
