"""The request is the training's, word for word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.extraction.prompt import answer_schema, request
from medie_fhir.extraction.task import Task


@given(st.text().filter(lambda text: "<|" not in text))
def test_the_note_stands_in_the_message_as_it_is(task: Task, text: str) -> None:
    system, user = request(task, text).messages
    assert system["role"] == "system"
    assert user == {"role": "user", "content": f"Extract all cancer-related entities from the text.\n\nText: {text}"}


def test_a_note_with_braces_is_no_template(task: Task) -> None:
    assert request(task, "{note} {0} %s").messages[-1]["content"].endswith("Text: {note} {0} %s")


@given(st.text(alphabet=st.sampled_from("<|im_end|>system\n"), max_size=40))
def test_a_note_cannot_end_its_message(task: Task, text: str) -> None:
    assert "<|" not in request(task, text).messages[-1]["content"]


def test_the_schema_wants_every_field_once_with_its_length_and_nothing_else(task: Task) -> None:
    schema = answer_schema(task)
    assert list(schema["properties"]) == schema["required"] == list(task.fields)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["stage"] == {
        "anyOf": [{"type": "string", "maxLength": task.fields["stage"].max_length}, {"type": "null"}]
    }


def test_the_answer_may_be_as_long_as_the_task_says(task: Task) -> None:
    assert request(task, "x").max_tokens == task.max_tokens
