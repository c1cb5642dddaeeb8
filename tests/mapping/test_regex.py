"""A regular expression that may have no end is refused; what an integrator writes is not."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.mapping.regex import fault_of


@pytest.mark.parametrize(
    "pattern",
    [
        *("(a+)+$", "(a*)*b", "(a|a)*$", r"(\w+\s?)*$", "(.*)*x", "((a?)b?)*c", r"^(\d+)*$", "(a{0,30}){0,30}b"),
        *(r"(?:[a-z]+[a-z\d]*)+!", "(?=(a+)+$)a", "(?>(a+)+)b"),
    ],
)
def test_a_repetition_of_what_varies_is_refused(pattern: str) -> None:
    told = fault_of(pattern)
    assert told is not None
    assert "may have no end" in told


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (".*foo.*bar", "several repetitions"),
        (r"\w*\d*\w*!", "several repetitions"),
        ("a?" * 20 + "a" * 20, "too many choices"),
        (r"(a+)\1", "refers back"),
        ("(", "is no regular expression"),
        ("[", "is no regular expression"),
        ("a{99999999999999999999}", "is no regular expression"),
        ("(?P<n", "is no regular expression"),
    ],
)
def test_what_is_wrong_is_told(pattern: str, what: str) -> None:
    assert what in str(fault_of(pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "",
            "^T[0-4][a-c]?$",
            r"^p?T(is|x|[0-4])",
            r"\s*(\d+(?:\.\d+)?)\s*(mg|ng|µg)\s*/\s*(mL|dL)",
            "lung.*metast",
            ".*cancer",
        ),
        *(
            r"^\d{4}-\d{2}-\d{2}$",
            r"^(\d{1,3}\.){3}\d{1,3}$",
            r"(\s*,\s*\w+)*",
            "(?i)^stage (?:I{1,3}|IV)[AB]?$",
            "a*?b",
            "(a*b)*c",
        ),
        *("(a|ab)*c", "(?i)(A|a)*$", "(é|É)+$", "foo|bar|fob", r"^[^;]*;[^;]*;[^;]*$", r"\bER\b(?! negative)", "𝔸+𝔹"),
    ],
)
def test_what_is_written_in_earnest_is_taken(pattern: str) -> None:
    assert fault_of(pattern) is None


PARTS = st.sampled_from(["a", "b", ".", "[ab]", r"\w", "a?", "(a|b)", "(a|ab)", "[^a]"])
PATTERNS = st.recursive(
    PARTS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.builds("({}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{0,3}", "*?"])),
        st.builds("({}|{})".format, inner, inner),
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(PATTERNS, st.sampled_from(["a", "ab", "aab", "ba"]), st.sampled_from(["", "!", "a!"]))
def test_what_is_taken_comes_to_an_end_on_texts_made_to_prevent_it(pattern: str, pump: str, end: str) -> None:
    if fault_of(pattern + "$") is None:
        before = time.process_time()
        re.search(pattern + "$", pump * 60 + end, re.DOTALL)
        assert time.process_time() - before < 2, "one that isn't tame takes years"
