"""YAML as a mapping needs it: places, and faults of what is YAML and no JSON."""

import pytest

from medie_fhir.errors import InvalidMapping
from medie_fhir.mapping.source import Source


def refused(text: str) -> list[str]:
    with pytest.raises(InvalidMapping) as caught:
        Source(text, "m.yaml")
    return caught.value.faults


@pytest.mark.parametrize(
    ("text", "data", "fault"),
    [
        ("a: 2026-01-01", {"a": "2026-01-01"}, "m.yaml:1:4: a: a date or time stands in quotes"),
        ("a: 2026-13-45", {"a": "2026-13-45"}, "m.yaml:1:4: a: a date or time stands in quotes"),
        ("a: !!int x", {"a": "x"}, "m.yaml:1:4: a: is no !!int: put it in quotes if it is a text"),
        ("a: !!bool x", {"a": "x"}, "m.yaml:1:4: a: is no !!bool: put it in quotes if it is a text"),
        ("a: .nan", {"a": ".nan"}, "m.yaml:1:4: a: no number that JSON has"),
        ("a: !!binary eA==", {"a": "eA=="}, "m.yaml:1:4: a: the tag !!binary is of no use here: leave it out"),
        ("a: !mine x", {"a": "x"}, "m.yaml:1:4: a: the tag !mine is of no use here: leave it out"),
        ("a: !!set {b}", {"a": {"b": None}}, "m.yaml:1:4: a: the tag !!set is of no use here: leave it out"),
        ("a: !!omap [b: 1]", {"a": [{"b": 1}]}, "m.yaml:1:4: a: the tag !!omap is of no use here: leave it out"),
        ("a: {on: 1}", {"a": {"on": 1}}, "m.yaml:1:5: a.on: a key must be a text: put it in quotes, 'on'"),
        ("a: 1\na: 2", {"a": 2}, "m.yaml:2:1: a: the key stands twice"),
    ],
)
def test_what_no_json_has_is_a_fault_and_read_as_the_text_it_is(text: str, data: object, fault: str) -> None:
    source = Source(text, "m.yaml")
    assert source.data == data
    assert source.faults == [fault]


def test_anchors_and_merges_are_read_as_yaml_has_them() -> None:
    source = Source("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a", "m.yaml")
    assert source.data == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2}}
    assert source.faults == []


@pytest.mark.parametrize("written", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_that_multiply_are_refused_before_they_are_written_out(written: str) -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {written.format(', '.join([f'*a{n - 1}'] * 10))}" for n in range(1, 12)]
    assert refused("\n".join(lines)) == ["m.yaml: holds more than 100,000 values, its aliases written out"]


@pytest.mark.parametrize("text", ["a: &n [*n]", "a: &n {<<: *n}", "a: &n {b: [{c: *n}]}"])
def test_an_alias_within_itself_is_refused(text: str) -> None:
    (fault,) = refused(text)
    assert "a loop: the alias stands within itself" in fault


def test_aliases_that_nest_deeper_than_they_are_written_are_refused() -> None:
    lines = ["a0: &a0 1"] + [f"a{n}: &a{n} " + "[" * 50 + f"*a{n - 1}" + "]" * 50 for n in range(1, 40)]
    (fault,) = refused("\n".join(lines))
    assert "nested more than 100 levels deep" in fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: b\nc: d\x07", "m.yaml:2:5: not YAML: holds a character that YAML doesn't allow (U+0007)"),
        (
            "a:\n  b: 1\n c: 2",
            (
                "m.yaml:3:2: not YAML: the indentation is not that of the lines around it: keys of one object, and"
                " items of one list, stand under one another (of what begins on line 1)"
            ),
        ),
        (
            "a: b: c",
            (
                "m.yaml:1:5: not YAML: a colon where none may stand: a line is indented too far, or lacks its colon; a"
                " text with a colon in it stands in quotes"
            ),
        ),
        ("a:\n\t- b", "m.yaml:2:1: not YAML: a tab: YAML is indented by spaces"),
        ("? [a]\n: b", "m.yaml:1:3: : a key must be a text"),
        ("a: 1\n---\nb: 2", "m.yaml:2:1: not YAML: but found another document"),
        ("", "m.yaml:1: a mapping file is a YAML mapping with name, version, task, policy, templates"),
    ],
)
def test_what_is_no_yaml_mapping_is_refused_with_its_place(text: str, fault: str) -> None:
    assert refused(text) == [fault]


@pytest.mark.parametrize("text", ["\ufeffa: 1\nb: c", "a: 1\r\nb: c\r\n", "a: 1\rb: c"])
def test_a_byte_order_mark_and_any_line_end_are_read(text: str) -> None:
    source = Source(text, "m.yaml")
    assert source.data == {"a": 1, "b": "c"}
    assert source.place(("b",)).startswith("m.yaml:2:4")
