"""How an entry becomes a Concept."""

from __future__ import annotations

from medie_fhir.coding.lookup import Hit, as_concept, find_in_parts, text_only, without
from medie_fhir.coding.tables import Entry, Tables
from medie_fhir.model import Coding

EXACT = Coding(system="urn:s", code="1", display="One")
BROADER = Coding(system="urn:s", code="0", display="Any")


def entry(**codings: tuple[Coding, ...]) -> Entry:
    return Entry("t", "one", "One", codings=codings)


def test_the_key_is_the_main_coding() -> None:
    concept = as_concept(Hit(entry(code=(EXACT,), broader=(BROADER,)), "exact"))
    assert (concept.key, concept.main, concept.row) == ("urn:s|1", EXACT, "t:one")
    assert concept.codings["broader"] == (BROADER,)
    assert "broader" not in concept.attributes


def test_a_broader_code_stands_in_and_says_so_and_keeps_the_concept_apart() -> None:
    concept = as_concept(Hit(entry(broader=(BROADER,)), "synonym"))
    assert (concept.key, concept.main) == ("urn:s|0|one", BROADER)
    assert concept.attributes["broader"] is True
    assert "broader" not in concept.codings


def test_an_entry_without_code_is_known_by_its_name() -> None:
    concept = as_concept(Hit(entry(), "synonym"))
    assert (concept.key, concept.main, concept.match) == ("text|one", None, "synonym")


def test_text_only_says_that_nothing_matched() -> None:
    concept = text_only(" Some  Thing ")
    assert (concept.key, concept.match, concept.codings) == ("text|some thing", "none", {})


def test_modifiers_are_whole_words() -> None:
    assert without("Left leftover lung", {"left"}) == ("leftover lung", ("left",))


def parts(value: str, tables: Tables) -> str | None:
    table = tables["metastatic_sites"]

    def find(text: str) -> Hit | None:
        found = table.find(text)
        return Hit(*found) if found else None

    hit = find_in_parts(value, table, find)
    return hit.entry.slug if hit else None


def test_of_two_parts_the_more_specific_is_taken(tables: Tables) -> None:
    assert parts("bone (spine)", tables) == "vertebral-column"
    assert parts("spine (bone)", tables) == "vertebral-column"


def test_an_unknown_remark_in_parentheses_is_left_out(tables: Tables) -> None:
    assert parts("bone (seen on the last scan)", tables) == "bone"


def test_a_denial_in_parentheses_is_heard(tables: Tables) -> None:
    assert parts("bone (not confirmed)", tables) is None


def test_what_is_only_known_inside_is_not_taken(tables: Tables) -> None:
    assert parts("pain (bone)", tables) is None
