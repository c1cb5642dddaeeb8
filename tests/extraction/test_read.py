"""A note is read piece by piece; what can't be read is an error and never "nothing found"."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from medie_fhir.errors import ModelOutputError, ModelUnavailable
from medie_fhir.extraction import READER, Reading, Task, read
from medie_fhir.model import NoteText, RawValue, Span, Usage
from medie_fhir.ports import ModelAnswer, Token

NoteOf = Callable[..., NoteText]
AnswerOf = Callable[..., str]

ONCOLOGY = "Lung cancer, stage IV. Metastases in bone and liver."
KNEE = "Right knee pain after a fall."


async def test_values_come_with_their_field_window_and_reader(
    task: Task, note_of: NoteOf, answer_of: AnswerOf, memory_model: Any
) -> None:
    model = memory_model(lambda piece: answer_of(cancer_type="lung cancer", metastasis_site="bone, liver"))
    reading = await read(note_of(f"  {ONCOLOGY} "), task, model)
    window = Span(2, 2 + len(ONCOLOGY))
    assert model.asked == [ONCOLOGY]
    assert reading == Reading(
        values=(
            RawValue("cancer_type", "lung cancer", window, READER),
            RawValue("metastasis_site", "bone", window, READER),
            RawValue("metastasis_site", "liver", window, READER),
        ),
        usage=Usage(prompt_tokens=10, completion_tokens=5),
    )


async def test_every_item_has_its_own_confidence(
    task: Task, note_of: NoteOf, answer_of: AnswerOf, memory_model: Any
) -> None:
    text = answer_of(metastasis_site="bone, liver")
    before, after = text.split("bone, liver")
    tokens = tuple(
        Token(t, p) for t, p in ((before, -5.0), ("bone", 0.0), (", ", -5.0), ("liver", -1.0), (after, -5.0))
    )
    model = memory_model(lambda piece: ModelAnswer(text, "stop", tokens))
    bone, liver = (await read(note_of(ONCOLOGY), task, model)).values
    assert (bone.confidence, liver.confidence) == (1.0, pytest.approx(0.3679, abs=1e-4))


async def test_a_note_without_a_malignancy_is_not_shown_to_the_model(
    task: Task, note_of: NoteOf, answer_of: AnswerOf, memory_model: Any
) -> None:
    model = memory_model(lambda piece: answer_of(cancer_type="invented"))
    assert await read(note_of(KNEE), task, model) == Reading(triaged=True)
    assert model.asked == []


async def test_without_triage_the_model_reads_everything(
    task: Task, note_of: NoteOf, answer_of: AnswerOf, memory_model: Any
) -> None:
    model = memory_model(lambda piece: answer_of())
    reading = await read(note_of(KNEE), task, model, triage=False)
    assert model.asked == [KNEE]
    assert not reading.triaged


async def test_only_the_pieces_with_a_malignancy_in_sight_are_read(
    task: Task, note_of: NoteOf, answer_of: AnswerOf, memory_model: Any
) -> None:
    model = memory_model(lambda piece: answer_of())
    small = task.model_copy(update={"chunk": task.chunk.model_copy(update={"limit": 60})})
    reading = await read(note_of(f"{KNEE}\n\n{ONCOLOGY}"), small, model)
    assert model.asked == [ONCOLOGY]
    assert not reading.triaged


async def test_a_piece_that_fails_is_read_again_in_halves_and_all_of_it_is_paid(
    task: Task, note_of: NoteOf, answer_of: AnswerOf, memory_model: Any
) -> None:
    def answers(piece: str) -> str | ModelAnswer:
        if piece == ONCOLOGY:
            return ModelAnswer('{"cancer_type": "lung lung lung', "length", (), 10, 100)
        return answer_of(stage="IV") if "stage" in piece else answer_of(metastasis_site="bone")

    model = memory_model(answers)
    reading = await read(note_of(ONCOLOGY), task, model)
    first, second = "Lung cancer, stage IV.", "Metastases in bone and"
    assert model.asked == [ONCOLOGY, first, second, "and liver."]
    assert ("stage", "IV", Span(0, len(first))) in {(v.field, v.value, v.window) for v in reading.values}
    assert reading.usage.completion_tokens == 100 + 5 * (len(model.asked) - 1)


async def test_a_piece_whose_half_fails_too_is_an_error_and_not_a_note_without_findings(
    task: Task, note_of: NoteOf, answer_of: AnswerOf, memory_model: Any
) -> None:
    model = memory_model(lambda piece: "{}" if "bone" in piece else answer_of())
    with pytest.raises(ModelOutputError):
        await read(note_of(ONCOLOGY), task, model)


async def test_a_server_that_is_down_is_not_asked_in_halves(task: Task, note_of: NoteOf, memory_model: Any) -> None:
    model = memory_model(lambda piece: ModelUnavailable("down"))
    with pytest.raises(ModelUnavailable):
        await read(note_of(ONCOLOGY), task, model)
    assert model.asked == [ONCOLOGY]


async def test_a_value_over_several_lines_is_one_line(
    task: Task, note_of: NoteOf, answer_of: AnswerOf, memory_model: Any
) -> None:
    model = memory_model(lambda piece: answer_of(cancer_type="lung \n  cancer"))
    assert [v.value for v in (await read(note_of(ONCOLOGY), task, model)).values] == ["lung cancer"]


async def test_answers_that_were_kept_cost_nothing(task: Task, note_of: NoteOf, memory_model: Any) -> None:
    answer = ModelAnswer(json.dumps(dict.fromkeys(task.fields)), "stop", (), 10, 5)
    asked = await read(note_of(ONCOLOGY), task, memory_model(lambda piece: answer))
    kept = await read(note_of(ONCOLOGY), task, memory_model(lambda piece: replace(answer, cached=True)))
    assert asked.usage == Usage(prompt_tokens=10, completion_tokens=5)
    assert kept.usage == Usage(cached=True)
