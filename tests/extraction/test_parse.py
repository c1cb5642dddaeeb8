"""Every answer is parsed, or is a ModelOutputError, and never anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.errors import ModelOutputError
from medie_fhir.extraction.parse import parse
from medie_fhir.extraction.task import Task
from medie_fhir.ports import ModelAnswer

AnswerOf = Callable[..., str]

CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x80-\U0010ffff]")
VALUES = st.none() | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60)


def answer(text: str, finish_reason: str = "stop") -> ModelAnswer:
    return ModelAnswer(text, finish_reason)


def is_strict_json(text: str, task: Task) -> bool:
    """The oracle: the standard library's parser, with what it is lax about looked at besides."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError
        return dict(pairs)

    try:
        content = json.loads(text, object_pairs_hook=once)
        if not isinstance(content, dict) or content.keys() != task.fields.keys():
            return False
        values = [value for value in content.values() if value is not None]
        return all(isinstance(value, str) for value in values) and not CONTROL.search("".join(values).encode().decode())
    except (ValueError, RecursionError):
        return False


def agrees(text: str, task: Task) -> None:
    expected = is_strict_json(text, task)
    try:
        values = parse(answer(text), task)
    except ModelOutputError:
        assert not expected, "a good answer was refused"
    else:
        assert expected, "a bad answer was taken"
        assert {name: value and value.text for name, value in values.items()} == json.loads(text)


@given(st.text())
def test_any_text_is_parsed_or_refused(task: Task, text: str) -> None:
    agrees(text, task)


@given(st.data())
def test_a_valid_answer_with_any_damage_is_parsed_or_refused(task: Task, data: st.DataObject) -> None:
    content = {name: data.draw(VALUES) for name in task.fields}
    text = json.dumps(content, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 1])))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 3)))
    agrees(
        text[:start] + data.draw(st.text(st.sampled_from('{}[]":,\\nu0dD8 \x00\ud800é'), max_size=4)) + text[end:], task
    )


@given(st.data())
def test_a_value_stands_where_its_places_say(task: Task, data: st.DataObject) -> None:
    content = {name: data.draw(VALUES) for name in task.fields}
    text = json.dumps(content, ensure_ascii=data.draw(st.booleans()))
    for value in parse(answer(text), task).values():
        if value is not None:
            assert len(value.places) == len(value.text) + 1
            assert json.loads(f'"{text[value.places[0] : value.places[-1]]}"') == value.text
            for i, character in enumerate(value.text):
                assert json.loads(f'"{text[value.places[i] : value.places[i + 1]]}"') == character


def test_a_null_is_none_and_an_empty_string_is_a_value(task: Task, answer_of: AnswerOf) -> None:
    values = parse(answer(answer_of(stage="")), task)
    assert values["cancer_type"] is None
    assert values["stage"] is not None
    assert values["stage"].text == ""


def test_the_values_come_in_the_order_of_the_task(task: Task, answer_of: AnswerOf) -> None:
    turned = json.dumps(dict(reversed(json.loads(answer_of(stage="IV")).items())))
    assert list(parse(answer(turned), task)) == list(task.fields)


@pytest.mark.parametrize("reason", ["length", "content_filter", "tool_calls", "None", ""])
def test_an_answer_that_was_not_finished_is_refused_however_whole_it_looks(
    task: Task, answer_of: AnswerOf, reason: str
) -> None:
    with pytest.raises(ModelOutputError, match="not finished"):
        parse(answer(answer_of(), reason), task)


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda text: text + " I hope this helps!", "goes on after"),
        (lambda text: text + text, "goes on after"),
        (lambda text: "```json\n" + text + "\n```", "not one JSON object"),
        (lambda text: text[:-1], "not one JSON object"),
        (lambda text: text.replace("null", "NaN"), "not one JSON object"),
        (lambda text: text.replace("null", "4"), "not one JSON object"),
        (lambda text: text.replace("null", '["IV"]'), "not one JSON object"),
        (lambda text: text.replace('"stage":null', '"stage":null,"stage":null'), "a key twice"),
        (lambda text: text.replace('"stage":null,', ""), "lacks stage"),
        (lambda text: text.replace("{", '{"grade":null,'), "does not know"),
        (lambda text: text.replace('"stage":null', '"stage":"\\ud83d"'), "no Unicode text"),
        (lambda text: text.replace('"stage":null', '"stage":"\\u0000"'), "control characters"),
        (lambda text: "", "not one JSON object"),
        (lambda text: "[" * 100_000, "not one JSON object"),
        (lambda text: "null", "not one JSON object"),
    ],
)
def test_what_is_not_the_very_object_is_refused(
    task: Task, answer_of: AnswerOf, damage: Callable[[str], str], fault: str
) -> None:
    with pytest.raises(ModelOutputError, match=fault):
        parse(answer(damage(answer_of())), task)


def test_a_value_that_fills_its_length_was_cut(task: Task, answer_of: AnswerOf) -> None:
    length = task.fields["stage"].max_length
    full, short = (parse(answer(answer_of(stage="x" * n)), task)["stage"] for n in (length, length - 1))
    assert full is not None
    assert full.cut
    assert short is not None
    assert not short.cut


def test_a_refusal_never_quotes_the_answer(task: Task) -> None:
    with pytest.raises(ModelOutputError) as caught:
        parse(answer('{"Mrs Miller": "has cancer"}'), task)
    assert "Miller" not in str(caught.value)
