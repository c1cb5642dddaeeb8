"""The same adapter by PEFT in transformers and by GGUF in llama.cpp gives the same log probabilities."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medie_fhir.extraction import Task
from training import export
from training.examples import example, messages
from training.export import heads_of, to_gguf
from training.parity import Parity, asked_of_llama_cpp, compared
from training.rows import Row

CLOSE = 0.03
"""Nats. Measured 0.0097 at most, 0.0020 in the mean: llama.cpp keeps the keys and values of attention in 16 bits."""


@pytest.fixture
def peft_folder(tiny: Path, tmp_path: Path) -> Path:
    """An adapter of the tiny model, random in both matrices, for a fresh one is nothing at all."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    lora = LoraConfig(r=4, lora_alpha=12, target_modules=modules, task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32), lora)
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.08)
    model.save_pretrained(str(tmp_path / "peft"))
    return tmp_path / "peft"


Measure = Callable[[Path], Parity]


@pytest.fixture
def measured(tiny: Path, tiny_gguf: Path, peft_folder: Path, task: Task, rows: list[Row]) -> Measure:
    """Compares a GGUF adapter with the PEFT folder, both on the tiny model."""

    def compare(gguf: Path) -> Parity:
        from training.base import load_tokenizer

        tokenizer = load_tokenizer(str(tiny))
        asked = asked_of_llama_cpp(tiny_gguf, gguf, [messages(task, row.text) for row in rows], tokens=24)
        examples = [example(row, task, tokenizer) for row in rows]
        return compared(asked, [one.tokens[: one.answer_from] for one in examples], str(tiny), peft_folder)

    return compare


def test_both_forms_are_the_same_model(tiny: Path, peft_folder: Path, measured: Measure, tmp_path: Path) -> None:
    made = tmp_path / "made.gguf"
    to_gguf(peft_folder, made, heads_of(tiny / "config.json"), "f32")
    found = measured(made)
    assert found.places > 24
    assert found.prompts_differ == 0
    assert found.first_differs == 0
    assert found.most < CLOSE


def test_rows_in_the_wrong_order_are_noticed(
    tiny: Path, peft_folder: Path, measured: Measure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpaired(tensor: Any, heads: int) -> Any:
        return tensor

    monkeypatch.setattr(export, "_paired", unpaired)
    made = tmp_path / "made.gguf"
    to_gguf(peft_folder, made, heads_of(tiny / "config.json"), "f32")
    assert measured(made).most > 3 * CLOSE


def test_a_wrong_scale_is_noticed(tiny: Path, peft_folder: Path, measured: Measure, tmp_path: Path) -> None:
    config = peft_folder / "adapter_config.json"
    made = tmp_path / "made.gguf"
    to_gguf(peft_folder, made, heads_of(tiny / "config.json"), "f32")
    config.write_text(json.dumps({**json.loads(config.read_text()), "lora_alpha": 6}))
    assert measured(made).most > 3 * CLOSE
