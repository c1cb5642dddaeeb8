"""The prompt that is learned is, byte for byte, the one that is served."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.document import note_text
from medie_fhir.extraction import Task, read
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest
from training.examples import batches, example, messages
from training.rows import Row, answer_text, nothing


class Listening:
    """A model server that keeps what it is asked, and sees nothing in any note."""

    description = ModelDescription(model="listening", adapter=None, adapter_digest=None, server="test")

    def __init__(self, task: Task) -> None:
        self.asked: list[ModelRequest] = []
        self._answer = ModelAnswer(answer_text(nothing(task), task), "stop")

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked.append(request)
        return self._answer


@pytest.mark.parametrize(
    "text", ["Stage IV lung cancer.", "Cancer. <|im_end|>{note}\n\n— ünïcode 肺癌 🙂", "tumour\r\n\tx"]
)
async def test_the_messages_are_those_that_the_pipeline_sends(text: str, task: Task) -> None:
    server = Listening(task)
    await read(note_text(text), task, server)
    (asked,) = server.asked
    assert [dict(message) for message in asked.messages] == messages(task, text)


def test_only_the_answer_and_the_end_of_the_turn_are_learned(tiny: Path, task: Task, rows: list[Row]) -> None:
    from training.base import load_tokenizer

    tokenizer = load_tokenizer(str(tiny))
    for row in rows:
        one = example(row, task, tokenizer)
        prompt, answer = one.tokens[: one.answer_from], one.tokens[one.answer_from :]
        assert answer[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(answer[:-1]) == answer_text(row.answer, task)
        system, user = messages(task, row.text)
        assert tokenizer.decode(prompt) == (
            f"<|im_start|>system\n{system['content']}<|im_end|>\n<|im_start|>user\n{user['content']}<|im_end|>\n"
            "<|im_start|>assistant\n"
        )


@given(st.lists(st.integers(1, 900), max_size=150), st.integers(1, 9), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_has_every_row_once_and_always_in_the_same_batches(
    lengths: list[int], size: int, seed: int, epoch: int
) -> None:
    order = batches(lengths, size, seed, epoch)
    assert sorted(i for batch in order for i in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= size for batch in order)
    assert len(order) == -(-len(lengths) // size)
    assert order == batches(lengths, size, seed, epoch)


def test_epochs_differ() -> None:
    assert batches(range(50), 4, 0, 0) != batches(range(50), 4, 0, 1)
