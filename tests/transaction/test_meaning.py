"""One meaning, one resource."""

from medie_fhir.model import Alignment, Concept, DocumentInfo, Evidence, Fact
from medie_fhir.transaction.meaning import identify

DOCUMENT = DocumentInfo(reference="DocumentReference/1")
BRAIN = Concept("sct|brain")


def fact(value: str, start: int, confidence: float | None = None, alignment: Alignment = Alignment.EXACT) -> Fact:
    evidence = (Evidence(start=start, end=start + len(value), text=value),)
    return Fact(
        field="metastasis_site",
        value=value,
        evidence=evidence,
        alignment=alignment,
        confidence=confidence,
        readers=("model",),
    )


def test_two_wordings_of_one_meaning_become_one_with_both_evidences_in_order() -> None:
    cerebral = fact("cerebral", 50, 0.9)
    coded = identify(DOCUMENT, [(cerebral, BRAIN, None), (fact("brain", 10, 0.4, Alignment.FUZZY), BRAIN, None)])
    assert len(coded) == 1
    joined = coded[0].fact
    assert joined.value == "cerebral"
    assert [e.start for e in joined.evidence] == [10, 50]
    assert (joined.confidence, joined.alignment, joined.readers) == (0.9, Alignment.EXACT, ("model",))


def test_what_may_not_be_written_stays_beside_and_adds_no_evidence() -> None:
    coded = identify(DOCUMENT, [(fact("brain", 10), BRAIN, "asserted absent"), (fact("brain", 70), BRAIN, None)])
    assert [(c.written, c.reason, len(c.fact.evidence)) for c in coded] == [
        (False, "asserted absent", 1),
        (True, None, 1),
    ]


def test_different_meanings_and_fields_stay_apart() -> None:
    other = fact("brain", 10).model_copy(update={"field": "cancer_type"})
    coded = identify(
        DOCUMENT, [(fact("brain", 10), BRAIN, None), (other, BRAIN, None), (fact("liver", 20), Concept("x"), None)]
    )
    assert len({c.id for c in coded}) == 3


def test_what_two_tumours_share_belongs_to_neither() -> None:
    def of(group: int | None, start: int) -> Fact:
        return fact("brain", start).model_copy(update={"group": group})

    for groups, joined in (((1, 1), 1), ((1, 2), None), ((1, None), None)):
        (coded,) = identify(DOCUMENT, [(of(groups[0], 10), BRAIN, None), (of(groups[1], 70), BRAIN, None)])
        assert coded.fact.group == joined


def test_only_of_the_fields_that_are_told_apart_by_it_the_id_names_the_task() -> None:
    (plain,), (apart,), (other,) = (
        identify(DOCUMENT, [(fact("brain", 10), BRAIN, None)], whose)
        for whose in ({}, {"metastasis_site": "board"}, {"stage": "board"})
    )
    assert plain.id == other.id != apart.id
