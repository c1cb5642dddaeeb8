"""A card tells what its files tell, and nothing that was measured with another adapter."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import SettingsError
from training.card import card
from training.journal import drawing, duration
from training.recipe import load_recipe

DIGEST = "a" * 64
JOURNAL = [
    {"step": 1, "loss": 2.0, "rate": 1e-4, "tokens": 300, "seconds": 4.0},
    {"step": 2, "loss": 1.0, "rate": 1e-4, "tokens": 300, "seconds": 8.0},
    {"step": 2, "validation": 1.5, "seconds": 9.0},
]


def run() -> dict[str, Any]:
    return {
        "recipe": load_recipe("cpu").model_dump(mode="json"),
        "data_digest": "d" * 64,
        "task": "oncology@1",
        "counts": {"train": {"given": 90, "negative": 18}, "validation": {"given": 10}},
        "software": {"torch": "2.13.0"},
        "outcome": {"step": 2, "best_step": 2, "best_loss": 1.5, "seconds": 3900},
    }


def evaluation(digest: str = DIGEST) -> dict[str, Any]:
    field = {"precision": 0.9, "recall": None, "f1": 0.75}
    return {
        "run": {"adapter_digest": digest, "readers": ["model"], "gold": "9" * 64},
        "notes": 250,
        "macro_f1": 0.8125,
        "exact_f1": 0.7,
        "precision": 0.91,
        "recall": 0.92,
        "f1": 0.915,
        "forbidden": 2,
        "negatives": {"notes": 20, "clean": 11},
        "fields": {"stage": field},
    }


def test_a_card_tells_data_numbers_and_results() -> None:
    text = card(run(), JOURNAL, {"cpu.lora.gguf": DIGEST}, {"held": evaluation()})
    for told in (
        f"| `cpu.lora.gguf` | `{DIGEST}` |",
        "| given | 90 | 10 |",
        "| negative | 18 | 0 |",
        "rank 16; alpha 32",
        "2 steps, 16 rows (a row that is met again counts again), in 1 h 05 min",
        "1.5000 (step 2)",
        "SmolLM2-135M-Instruct",
        "| stage | 0.900 | – | 0.750 |",
        "Macro-F1 0.812",
        "11 of 20",
    ):
        assert told in text
    assert "$" not in text


def test_a_card_without_a_measurement_says_so() -> None:
    assert "Not measured" in card(run(), JOURNAL, {"cpu.lora.gguf": DIGEST}, {})


def test_a_measurement_of_another_adapter_is_refused() -> None:
    with pytest.raises(SettingsError, match="another adapter"):
        card(run(), JOURNAL, {"cpu.lora.gguf": DIGEST}, {"held": evaluation("b" * 64)})


def test_the_drawing_has_a_point_for_each_validation_and_is_well_formed() -> None:
    import xml.etree.ElementTree as ET

    for lines in (JOURNAL, JOURNAL[:2], []):
        root = ET.fromstring(drawing(lines))
        circles = [element for element in root if element.tag.endswith("circle")]
        assert len(circles) == sum("validation" in line for line in lines)


@pytest.mark.parametrize(("seconds", "said"), [(40, "40 s"), (720, "12 min"), (3900, "1 h 05 min")])
def test_a_time_is_told_as_people_do(seconds: float, said: str) -> None:
    assert duration(seconds) == said
