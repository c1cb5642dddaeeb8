"""What two readers saw in one place is one fact."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.grounding import agreed
from medie_fhir.model import Alignment, Assertion, Evidence, Experiencer, Fact, Sighting

NOTE = "Stage IIIA. Neoadjuvant chemotherapy with docetaxel. Stage IV was ruled out."


def fact(value: str, reader: str, *, at: str | None = None, **more: object) -> Fact:
    start = NOTE.index(at or value)
    evidence = Evidence(start=start, end=start + len(at or value), text=at or value)
    known = {"field": "any", "alignment": Alignment.EXACT, "evidence": (evidence,), "readers": (reader,)}
    return Fact.model_validate(known | {"value": value} | more)


def test_the_lexicon_keeps_its_words_and_tells_that_the_model_agrees() -> None:
    one = fact("Stage IIIA", "lexicon", confidence=0.9)
    (both,) = agreed([fact("IIIA", "model", confidence=0.95), one], by="lexicon")
    assert (both.value, both.readers, both.confidence) == ("Stage IIIA", ("lexicon", "model"), 0.95)


def test_what_each_reader_gave_is_kept() -> None:
    by_lexicon = Sighting(reader="lexicon", value="Stage IIIA", confidence=0.9)
    by_model = Sighting(reader="model", value="IIIA", confidence=0.95)
    seen = [fact("Stage IIIA", "lexicon", sightings=(by_lexicon,)), fact("IIIA", "model", sightings=(by_model,))]
    assert [one.sightings for one in agreed(seen, by="lexicon")] == [(by_lexicon, by_model)]


def test_a_phrase_that_holds_several_values_seconds_each_and_is_none_itself() -> None:
    seen = [fact("chemotherapy", "lexicon"), fact("docetaxel", "lexicon")]
    found = agreed([*seen, fact("Neoadjuvant chemotherapy with docetaxel", "model")], by="lexicon")
    assert [(f.value, f.readers) for f in found] == [
        ("chemotherapy", ("lexicon", "model")),
        ("docetaxel", ("lexicon", "model")),
    ]


def test_what_only_one_reader_saw_stays_with_its_name() -> None:
    found = agreed([fact("docetaxel", "model"), fact("Stage IIIA", "lexicon")], by="lexicon")
    assert [(f.value, f.readers) for f in found] == [("docetaxel", ("model",)), ("Stage IIIA", ("lexicon",))]


def test_a_value_that_the_model_also_saw_elsewhere_stays() -> None:
    """A piece of it is nobody's but the model's, and is not thrown away with the rest."""
    twice = fact("Stage", "model").model_copy(
        update={"evidence": (*fact("Stage IIIA", "m").evidence, *fact("Stage IV", "m").evidence)}
    )
    assert len(agreed([fact("Stage IIIA", "lexicon"), twice], by="lexicon")) == 2


def test_other_fields_assertions_and_people_are_other_facts() -> None:
    one = fact("Stage IIIA", "lexicon")
    others = [
        fact("IIIA", "model", field="other"),
        fact("IIIA", "model", assertion=Assertion.ABSENT),
        fact("IIIA", "model", experiencer=Experiencer.FAMILY),
    ]
    assert agreed([one, *others], by="lexicon") == (one, *others)


def test_a_value_without_a_place_is_never_another_s() -> None:
    nowhere = fact("IIIA", "model", alignment=Alignment.NONE, evidence=())
    assert agreed([fact("Stage IIIA", "lexicon"), nowhere], by="lexicon")[1] == nowhere


PLACES = st.integers(0, 8).flatmap(lambda start: st.tuples(st.just(start), st.integers(start + 1, 12)))
FACTS = st.lists(st.tuples(st.sampled_from(["lexicon", "model"]), st.lists(PLACES, max_size=2)), max_size=6)


@given(FACTS)
def test_nothing_that_the_lexicon_saw_is_lost_and_doing_it_twice_changes_nothing(
    seen: list[tuple[str, list[tuple[int, int]]]],
) -> None:
    facts = [
        Fact(
            field="any",
            value=str(number),
            alignment=Alignment.EXACT,
            evidence=tuple(Evidence(start=s, end=e, text="x" * (e - s)) for s, e in places),
            readers=(reader,),
        )
        for number, (reader, places) in enumerate(seen)
    ]
    found = agreed(facts, by="lexicon")
    assert [f.value for f in found if "lexicon" in f.readers] == [f.value for f in facts if "lexicon" in f.readers]
    assert [f.value for f in found] == [f.value for f in facts if f.value in {g.value for g in found}], "in order"
    assert agreed(found, by="lexicon") == found
