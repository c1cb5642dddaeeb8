"""Gold notes: two formats, one type."""

from __future__ import annotations

import json

import pytest

from medie_fhir.errors import SettingsError
from medie_fhir.evaluation import GoldNote, read_gold
from medie_fhir.evaluation.gold import parts

PAIR = {
    "instruction": "Extract.",
    "input": "A note.",
    "output": {"stage": "IV", "treatment": "a; b, c (d, e)", "x": None},
}


def test_a_pair_of_instruction_tuning_is_a_note_with_its_items() -> None:
    (note,) = read_gold(json.dumps(PAIR), "g.jsonl")
    assert (note.id, note.text) == ("row-1", "A note.")
    assert note.gold == {"stage": ("IV",), "treatment": ("a", "b", "c (d, e)"), "x": ()}


def test_an_annotated_note_keeps_what_it_allows_and_forbids() -> None:
    line = {
        "id": "n1",
        "source": "ours",
        "text": "Stage IV.",
        "gold": {"stage": ["Stage IV"]},
        "alt": {"Stage IV": ["M1"]},
        "optional": {"response": ["stable"]},
        "forbid": [{"field": "cancer_type", "value": "melanoma", "trap": "family_history"}],
        "trap": ["family_history"],
    }
    (note,) = read_gold(json.dumps(line), "g.jsonl")
    assert note.wordings("Stage IV") == ("Stage IV", "M1")
    assert (note.forbid[0].trap, note.traps, note.is_negative) == ("family_history", ("family_history",), False)


def test_a_note_without_gold_is_a_negative() -> None:
    assert GoldNote(id="n", text="t", gold={"stage": ()}).is_negative


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        (["{"], "g.jsonl:1"),
        ([json.dumps(PAIR), "[]"], "g.jsonl:2"),
        ([json.dumps(PAIR), "", '{"id": "a", "text": 1, "gold": {}}'], "g.jsonl:3"),
        (['{"id": "a", "text": "\\ud800", "gold": {}}'], "g.jsonl:1"),
        (['{"id": "a", "text": "", "gold": {}}'] * 2, "g.jsonl:2"),
        ([""], "holds no note"),
    ],
)
def test_a_line_that_is_no_note_is_told_by_its_place(lines: list[str], place: str) -> None:
    with pytest.raises(SettingsError, match=place):
        read_gold("\n".join(lines), "g.jsonl")


def test_a_fault_is_told_without_the_notes_text() -> None:
    with pytest.raises(SettingsError) as told:
        read_gold('{"id": "a", "text": "Jane Roe", "gold": {"stage": "Jane Roe"}}', "g.jsonl")
    assert "Roe" not in str(told.value)


def test_commas_inside_brackets_and_numbers_part_nothing() -> None:
    assert parts("T2 (a, b), N0; 1,200 U | x") == ("T2 (a, b)", "N0", "1,200 U", "x")


def test_every_gold_value_of_our_own_notes_stands_in_its_text(notes: tuple[GoldNote, ...]) -> None:
    assert len(notes) == 12
    assert all(value in note.text for note in notes for values in note.gold.values() for value in values)
