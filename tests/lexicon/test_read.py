"""Laws of the lexical reader, over texts of the words that its rules know, and over any."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medie_fhir.configuration import Configuration
from medie_fhir.lexicon import load_lexicon, read_lexically
from medie_fhir.model import NoteText, RawValue
from medie_fhir.settings import Settings
from medie_fhir.vocabularies import vocabularies

Read = Callable[[str], tuple[RawValue, ...]]

WORDS = (
    *(
        "stage IIIA",
        "pT2 N1 M0",
        "lung",
        "breast",
        "cancer",
        "adenocarcinoma",
        "of the",
        "left",
        "metastatic to",
        "liver",
    ),
    *(
        "ER",
        "PR",
        "and",
        "positive",
        "HER2",
        "3+",
        "PSA",
        "4.2",
        "EGFR",
        "L858R",
        "mutation",
        "KRAS",
        ",",
        ".",
        ":",
        "\n",
    ),
    *(
        "\n\n",
        "PLAN:",
        "carboplatin",
        "mastectomy",
        "no evidence of disease",
        "partial response",
        "[ ]",
        "nodes",
        "2/15",
    ),
)
NOTES = st.one_of(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join), st.text(max_size=200))


@pytest.fixture(scope="module")
def read(of_note: Callable[[str], NoteText]) -> Read:
    configuration = Configuration(Settings())
    lexicon = configuration.lexicon
    assert lexicon is not None
    terms = vocabularies(configuration.tables, lexicon.tables)
    return lambda text: read_lexically(of_note(text), lexicon, terms)


@given(text=NOTES)
def test_every_value_stands_in_its_window_word_for_word(read: Read, text: str) -> None:
    for value in read(text):
        words = text[value.window.start : value.window.end].split()
        assert all(word in " ".join(words) for word in value.value.split())
        assert value.value.split()[0] in words[0]


@given(text=NOTES)
def test_a_note_is_read_alike_each_time_and_in_the_order_of_its_text(read: Read, text: str) -> None:
    values = read(text)
    assert values == read(text)
    for field in {value.field for value in values}:
        starts = [value.window.start for value in values if value.field == field]
        assert starts == sorted(starts) or field == "biomarker", "a marker may share a result that stands before it"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=NOTES, after=NOTES)
def test_mentions_of_a_field_do_not_overlap(of_note: Callable[[str], NoteText], before: str, after: str) -> None:
    lexicon = load_lexicon(
        {"stage": "- pattern: '\\w+ \\w+'\n- pattern: '\\w+'\n- pattern: '[a-c]{1,3}'\n  after: '.'\n"}, {"stage"}
    )
    spans = [value.window for value in read_lexically(of_note(f"{before} a b c {after}"), lexicon, {})]
    assert spans
    assert all(one.end <= other.start for one, other in pairwise(spans))


@given(text=NOTES)
def test_a_paragraph_behind_it_changes_nothing_but_by_the_rules_of_the_whole_note(read: Read, text: str) -> None:
    """Rules with note, not_note or only_alone look at all of the note: cancers, treatments and responses have such."""
    whole = {"cancer_type", "treatment", "response", "metastasis_site"}
    alone = [value for value in read(text) if value.field not in whole]
    followed = read(f"{text}\n\nThe weather was fine.")
    assert [value for value in followed if value.field not in whole] == alone


def test_a_rule_that_counts_alone_does_so_only_alone(of_note: Callable[[str], NoteText]) -> None:
    lexicon = load_lexicon({"stage": "- pattern: 'b+'\n- pattern: 'a+'\n  only_alone: true\n"}, {"stage"})
    assert [value.value for value in read_lexically(of_note("aa b"), lexicon, {})] == ["b"]
    assert [value.value for value in read_lexically(of_note("aa c"), lexicon, {})] == ["aa"]


@pytest.mark.parametrize(
    ("rule", "text", "values"),
    [
        ("pattern: 'b'\n  before: 'a+ '\n  after: ' c+'", "aa b cc", ["aa b cc"]),
        ("pattern: 'b'\n  only_before: 'a '", "b a b", ["b"]),
        ("pattern: 'b'\n  only_after: ' c'", "b b c", ["b"]),
        ("pattern: 'b'\n  before: 'a '\n  not_before: 'no '", "no a b, a b", ["a b"]),
        ("pattern: 'b+'\n  without: 'bb'", "b bb bbb", ["b", "bbb"]),
        ("pattern: 'b+'\n  context: 'yes'", "It is b. It is bb, yes.", ["bb"]),
        ("pattern: 'b+'\n  not_context: 'yes'", "It is b. It is bb, yes.", ["b"]),
        ("pattern: 'b'\n  note: 'yes'", "It is b. Yes.", ["b"]),
        ("pattern: 'b'\n  not_note: 'yes'", "It is b. Yes.", []),
        ("pattern: '(?P<value>b) c (?P<also>d)'", "b c d", ["b d"]),
        ("pattern: 'b+'\n  sections: [plan]", "HISTORY:\nb\n\nPLAN:\nbb\n", ["bb"]),
        ("pattern: 'b+'\n  not_sections: [plan]", "HISTORY:\nb\n\nPLAN:\nbb\n", ["b"]),
        ("pattern: '(?-i:b+)'", "B bb", ["bb"]),
    ],
)
def test_each_key_of_a_rule(of_note: Callable[[str], NoteText], rule: str, text: str, values: list[str]) -> None:
    lexicon = load_lexicon({"stage": f"- {rule}\n"}, {"stage"})
    assert [value.value for value in read_lexically(of_note(text), lexicon, {})] == values
