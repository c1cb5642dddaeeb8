"""A row → tokens, in the very prompt that is served; and rows in batches, in an order that the seed alone decides."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medie_fhir.extraction import Task
from medie_fhir.extraction.prompt import request
from training.rows import Row, answer_text

__all__ = ["Example", "batches", "example", "messages"]

_WINDOW = 25
"""Batches whose rows are sorted by length together: little padding, and still chance in what meets what."""


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of a prompt and its answer. The answer, which alone is learned, begins at ``answer_from``."""

    tokens: tuple[int, ...]
    answer_from: int


def messages(task: Task, text: str) -> list[dict[str, str]]:
    """The messages about a text: those of the serving pipeline, made by the pipeline's own function."""
    return [dict(message) for message in request(task, text).messages]


def example(row: Row, task: Task, tokenizer: Any) -> Example:
    """A row by the base's chat template and tokens, ended by the token that ends a turn."""
    rendered = tokenizer.apply_chat_template(messages(task, row.text), add_generation_prompt=True, tokenize=False)
    prompt = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    answer = tokenizer(answer_text(row.answer, task), add_special_tokens=False)["input_ids"]
    return Example((*prompt, *answer, tokenizer.eos_token_id), len(prompt))


def batches(lengths: Sequence[int], size: int, seed: int, epoch: int) -> list[list[int]]:
    """The indices of all rows, each once, in batches of ``size`` (the last of a kind may be smaller).

    Depends on nothing but its arguments: a training that goes on after a kill meets the rows that it would have met.
    """
    chance = random.Random(f"{seed}/{epoch}")
    order = list(range(len(lengths)))
    chance.shuffle(order)
    out: list[list[int]] = []
    for start in range(0, len(order), size * _WINDOW):
        window = sorted(order[start : start + size * _WINDOW], key=lambda i: (lengths[i], i))
        out += [window[i : i + size] for i in range(0, len(window), size)]
    chance.shuffle(out)
    return out
