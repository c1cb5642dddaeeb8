"""Expressions mean what fhirpathpy says they mean, and come to an end."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import fhirpathpy
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.errors import RenderError
from medie_fhir.mapping import MappingFile, load_mapping, render
from medie_fhir.mapping.fhirpath import MAX_STEPS, compile_expression
from medie_fhir.mapping.fhirpath import _within_steps as within_steps
from medie_fhir.mapping.samples import sample_facts, sample_record
from medie_fhir.model import CodedFact
from medie_fhir.shipped import shipped

SOURCE, AT = {"reference": "DocumentReference/copy"}, "2026-01-02T10:00:00Z"
WORDS = st.sampled_from(["a", "b", "grade"])
NAMES = st.sampled_from(["kind", "code", "list"])
OBJECTS = st.recursive(
    st.dictionaries(NAMES, WORDS | st.booleans() | st.integers(0, 3), min_size=1),
    lambda inner: st.dictionaries(NAMES, inner | st.lists(WORDS | inner, min_size=1, max_size=3), min_size=1),
    max_leaves=6,
)
VALUES = st.none() | WORDS | st.booleans() | OBJECTS | st.lists(WORDS | OBJECTS, max_size=3)  # as JSON of FHIR is
PATHS = st.lists(st.sampled_from(["kind", "code", "list"]), max_size=2).map(lambda names: ".".join(["%x", *names]))
ASKED = st.one_of(
    PATHS,
    PATHS.map(lambda p: f"{p}.exists()"),
    PATHS.map(lambda p: f"{p}.empty()"),
    PATHS.map(lambda p: f"{p}.first()"),
    st.builds("{}.where({} = '{}')".format, PATHS, st.sampled_from(["kind", "code"]), WORDS),
    st.builds("{} = '{}'".format, PATHS, WORDS),
    st.builds("{} != {}".format, PATHS, PATHS),
    st.builds("({} | {}).first()".format, PATHS, PATHS),
    st.builds("{}.exists() {} {} = '{}'".format, PATHS, st.sampled_from(["and", "or"]), PATHS, WORDS),
    st.builds("({}.empty() or {}.exists()) and {}".format, PATHS, PATHS, PATHS),
)


def outcome(work: Any) -> Any:
    """What it gives, or that it fails."""
    try:
        return work()
    except Exception:  # noqa: BLE001 - fhirpathpy raises bare ones
        return "fails"


@settings(deadline=None)
@given(ASKED, VALUES)
def test_what_is_computed_here_is_what_fhirpathpy_gives(expression: str, value: Any) -> None:
    ours = outcome(lambda: compile_expression(expression)({}, {"x": value}))
    theirs = outcome(lambda: fhirpathpy.evaluate({}, expression, {"x": value}))

    assert ours == theirs


@pytest.mark.parametrize(
    "expression", ["(1 | 2).repeat($this + 1)", "%x.repeat($this & 'a')", "(0).repeat($this - 1).where($this > 3)"]
)
def test_an_expression_without_an_end_is_broken_off(expression: str) -> None:
    with pytest.raises(RenderError, match=r"doesn't come to an end|fails with"):
        compile_expression(expression)({}, {"x": "SENTINEL"})


@pytest.mark.parametrize(
    "expression",
    [
        "'a'.repeat($this & $this)",
        "(9).repeat($this * $this)",
        f"({' | '.join(map(str, range(40)))}).aggregate($total & $total, 'aaaa')",
        "'a'" + ".replace('a', 'aaaaaaaaaa')" * 12,
        "'a'.repeat($this.replace('a', $this & $this))",
    ],
)
def test_values_that_grow_without_an_end_are_broken_off_before_they_fill_the_memory(expression: str) -> None:
    with pytest.raises(RenderError, match=r"makes a value of more than 20,000 characters, items or bits"):
        compile_expression(expression)({}, {})


def test_a_regular_expression_is_not_tried_on_a_text_that_is_too_long_for_it() -> None:
    matches = compile_expression("%x.matches('SENT.*L$') and %x.replaceMatches('x', 'y').exists()")

    assert matches({}, {"x": "SENTINEL"}) == [True]
    with pytest.raises(RenderError, match=r"on a text of more than 1,000 characters") as caught:
        matches({}, {"x": "SENTINEL" * 200})
    assert "SENTINEL" not in str(caught.value)


def test_the_steps_are_many_times_what_the_costliest_of_ours_takes() -> None:
    counted = compile_expression("%x.where($this > 1).select($this + 1).count()")

    assert counted({}, {"x": list(range(200))}) == [198]
    assert MAX_STEPS == 200_000


def test_a_failing_expression_tells_its_kind_and_no_value() -> None:
    with pytest.raises(RenderError) as caught:
        compile_expression("%x.undefinedFunction()")({}, {"x": "SENTINEL"})

    assert "SENTINEL" not in str(caught.value)
    assert caught.value.__cause__ is None


def asked_of_fhirpathpy(work: Callable[[], object]) -> bool:
    """Whether fhirpathpy was run by some work."""
    asked = False

    def look(frame: FrameType, _: str, __: object) -> None:
        nonlocal asked
        asked = asked or frame.f_code is within_steps.__code__

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(before)
    return asked


def test_every_expression_of_the_shipped_mappings_is_computed_here() -> None:
    """Where one has to be asked of fhirpathpy, publishing takes several times as long."""
    assert asked_of_fhirpathpy(lambda: compile_expression("%x.count()")({}, {"x": 1}))
    for path in sorted(shipped("mappings").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        mapping = load_mapping(text, path.name, yaml.safe_load(text)["policy"])
        facts = [fact for field in mapping.file.policy for fact in sample_facts(field)]
        for fact in facts:

            def rendered(fact: CodedFact = fact, file: MappingFile = mapping.file) -> object:
                return render(sample_record(dated=True), [fact], file, source=SOURCE, recorded=AT, system="urn:x")

            assert not asked_of_fhirpathpy(rendered)
