"""Expressions mean what fhirpathpy says they mean, and come to an end."""

from typing import Any

import fhirpathpy
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.errors import RenderError
from medie_fhir.mapping.fhirpath import MAX_STEPS, compile_expression
from medie_fhir.shipped import shipped

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


def test_the_steps_are_many_times_what_the_costliest_of_ours_takes() -> None:
    counted = compile_expression("%x.where($this > 1).select($this + 1).count()")

    assert counted({}, {"x": list(range(200))}) == [198]
    assert MAX_STEPS == 200_000


def test_a_failing_expression_tells_its_kind_and_no_value() -> None:
    with pytest.raises(RenderError) as caught:
        compile_expression("%x.undefinedFunction()")({}, {"x": "SENTINEL"})

    assert "SENTINEL" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_every_expression_of_the_shipped_mappings_is_computed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one has to be asked of fhirpathpy, publishing takes several times as long."""
    monkeypatch.setattr("medie_fhir.mapping.fhirpath._within_steps", lambda _: pytest.fail("asked fhirpathpy"))
    from medie_fhir.mapping import load_mapping

    for path in sorted(shipped("mappings").glob("*.yaml")):
        text = path.read_text()
        fields = yaml.safe_load(text)["policy"]
        compile_expression.cache_clear()
        assert load_mapping(text, path.name, fields).file.templates
