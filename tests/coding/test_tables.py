"""What a wording names, and what a text names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.coding import Tables, load_tables
from medie_fhir.coding.tables import Entry, Table
from medie_fhir.coding.wording import fold
from medie_fhir.shipped import shipped

TABLES = load_tables(shipped("mappings", "terminology"))


def table(*wordings: str, exact: bool = False) -> Table:
    entries = {wording: Entry("t", wording, wording) for wording in wordings}
    return Table("t", entries, {w if exact else fold(w): e for w, e in entries.items()}, exact=exact)


def named(known: Table, text: str) -> list[tuple[str, str]]:
    return [(hit.entry.slug, text[hit.start : hit.end]) for hit in known.named(text)]


def test_the_longest_wording_is_named() -> None:
    assert named(table("lung", "lung cancer"), "a lung cancer") == [("lung cancer", "lung cancer")]


@pytest.mark.parametrize("text", ["her2 neu", "her2/neu", "her2-neu", "her2neu"])
def test_gaps_between_the_words_of_a_wording_may_be_any_or_none(text: str) -> None:
    assert named(table("her2/neu"), text) == [("her2/neu", text)]


@pytest.mark.parametrize("text", ["k it", "kits", "kit2", "xkit"])
def test_a_word_is_neither_parted_nor_found_within_another(text: str) -> None:
    assert named(table("kit"), text) == []


def test_a_plus_belongs_to_its_wording_unless_a_word_follows_at_once() -> None:
    assert named(table("er", "er+"), "er+ pr") == [("er+", "er+")]
    assert named(table("er", "er+"), "er+pr") == [("er", "er")]


def test_what_is_named_can_be_taken_out() -> None:
    assert table("lung").without_named("left lung mass").split() == ["left", "mass"]


def test_an_exact_table_knows_only_its_own_letters() -> None:
    known = table("ZNF1", "HLA-A", exact=True)
    assert named(known, "ZNF1 and znf1, HLA-A") == [("ZNF1", "ZNF1"), ("HLA-A", "HLA-A")]
    assert known.find("znf1") is None


def test_of_two_symbols_in_one_word_both_are_named() -> None:
    assert named(table("ABC1", "XYZ2", exact=True), "ABC1-XYZ2") == [("ABC1", "ABC1"), ("XYZ2", "XYZ2")]


@given(st.sampled_from(sorted(TABLES["treatments"].by_wording.values(), key=lambda e: e.slug)))
def test_every_entry_is_named_where_its_name_stands(entry: Entry) -> None:
    text = f"zzz {entry.name.lower()} zzz"
    assert [hit.entry.slug for hit in TABLES["treatments"].named(text)] == [entry.slug]


def test_what_is_named_is_found_as_a_whole_too(tables: Tables) -> None:
    for name in ("biomarkers", "genes", "treatments"):
        for entry in tables[name].entries.values():
            for hit in tables[name].named(entry.name.lower()):
                found = tables[name].find(entry.name.lower()[hit.start : hit.end])
                assert found is not None
                assert found[0] is hit.entry
