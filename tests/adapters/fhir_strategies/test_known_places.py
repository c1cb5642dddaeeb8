"""What was seen of the server is remembered, the last of it."""

from __future__ import annotations

from medie_fhir.adapters.fhir_strategies.known_places import KnownPlaces


def test_a_pair_is_known_both_ways() -> None:
    known = KnownPlaces()
    known.learn("Condition/a", "Condition/1")
    assert (known.theirs("Condition/a"), known.ours("Condition/1")) == ("Condition/1", "Condition/a")


def test_what_is_not_ours_is_known_for_that() -> None:
    known = KnownPlaces()
    known.learn(None, "Condition/1")
    assert known.knows("Condition/1")
    assert known.ours("Condition/1") is None
    assert not known.knows("Condition/2")


def test_the_longest_unused_goes_first() -> None:
    known = KnownPlaces(most=2)
    known.learn("Condition/a", "Condition/1")
    known.learn("Condition/b", "Condition/2")
    assert known.theirs("Condition/a")
    known.learn("Condition/c", "Condition/3")
    assert [known.theirs(f"Condition/{id_}") for id_ in "abc"] == ["Condition/1", None, "Condition/3"]


def test_a_server_that_was_filled_anew_has_it_elsewhere() -> None:
    known = KnownPlaces()
    known.learn("Condition/a", "Condition/1")
    known.learn("Condition/a", "Condition/9")
    assert known.theirs("Condition/a") == "Condition/9"
