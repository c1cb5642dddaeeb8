"""What is right, wrong, ignored and missed in one note."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from medie_fhir.evaluation import GoldNote, Verdict, Verdicts

Say = Callable[..., Verdicts]
NOTE = GoldNote.model_validate(
    {
        "id": "n1",
        "text": "Lung adenocarcinoma with liver metastases, stage IV. No bone metastases. Mother: breast cancer.",
        "gold": {"cancer_type": ["Lung adenocarcinoma"], "metastasis_site": ["liver", "lymph nodes"]},
        "optional": {"stage": ["stage IV"]},
        "forbid": [
            {"field": "metastasis_site", "value": "bone", "trap": "negated_metastasis"},
            {"field": "cancer_type", "value": "breast cancer", "trap": "family_history"},
        ],
        "trap": ["negated_metastasis", "family_history"],
    }
)
NEGATIVE = GoldNote(id="n2", text="A knee.", trap=("pure_negative", "non_oncology", "negated_mutation"))


@pytest.mark.parametrize(
    ("field", "value", "verdict", "trap"),
    [
        ("cancer_type", "adenocarcinoma of the lung", Verdict.RIGHT, None),
        ("cancer_type", "breast cancer", Verdict.WRONG, "family_history"),
        ("cancer_type", "melanoma", Verdict.WRONG, None),
        ("metastasis_site", "osseous", Verdict.WRONG, "negated_metastasis"),
        ("stage", "IV", Verdict.IGNORED, None),
    ],
)
def test_each_value_has_its_verdict(said: Say, field: str, value: str, verdict: Verdict, trap: str | None) -> None:
    (judged,) = said(NOTE, {field: [value]}).judged
    assert (judged.verdict, judged.trap) == (verdict, trap)


def test_what_nothing_finds_is_missed(said: Say) -> None:
    missed = said(NOTE, {"metastasis_site": ["hepatic"]}).missed
    assert [(miss.field, miss.value) for miss in missed] == [
        ("cancer_type", "Lung adenocarcinoma"),
        ("metastasis_site", "lymph nodes"),
    ]


def test_a_value_of_two_facts_has_two_verdicts(said: Say) -> None:
    verdicts = said(NOTE, {"metastasis_site": ["liver; bone"]})
    assert [one.verdict for one in verdicts.judged] == [Verdict.RIGHT, Verdict.WRONG]


def test_a_forbidden_value_is_caught_by_its_trap(said: Say) -> None:
    assert said(NOTE, {"cancer_type": ["breast cancer"]}).caught == {"negated_metastasis": 0, "family_history": 1}


def test_any_wrong_value_is_caught_where_nothing_is_to_be_read(said: Say) -> None:
    caught = said(NEGATIVE, {"gene_mutation": ["KRAS G12D"], "stage": ["II"]}).caught
    assert caught == {"pure_negative": 2, "non_oncology": 2, "negated_mutation": 1}


def test_the_gold_itself_is_right_and_nothing_is_missed(said: Say, notes: tuple[GoldNote, ...]) -> None:
    for note in notes:
        verdicts = said(note, note.gold)
        assert {one.verdict for one in verdicts.judged} <= {Verdict.RIGHT}
        assert not verdicts.missed
        assert not any(verdicts.caught.values())


def test_every_forbidden_value_of_our_notes_is_caught(said: Say, notes: tuple[GoldNote, ...]) -> None:
    for note in notes:
        for forbidden in note.forbid:
            (judged,) = said(note, {forbidden.field: [forbidden.value]}).judged
            assert judged.trap == forbidden.trap
