"""Rows: a note and the answer that the model shall give. Read from pairs of instruction tuning, written as such."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from medie_fhir.errors import SettingsError
from medie_fhir.extraction import Task

__all__ = ["Answer", "Row", "answer_text", "nothing", "read_rows", "row_line"]

Answer = Mapping[str, str | None]
"""By field what the model shall say: values joined by "; " or ", ", or None."""


@dataclass(frozen=True, slots=True)
class Row:
    """A note's text and its answer. ``made`` says how it came about: ``given``, or the name of an augmentation."""

    text: str
    answer: Answer = field(default_factory=dict)
    made: str = "given"


def nothing(task: Task) -> dict[str, str | None]:
    """The answer to a note that says nothing of what is asked."""
    return dict.fromkeys(task.fields)


def answer_text(answer: Answer, task: Task) -> str:
    """What the model shall write: compact JSON, every field of the task in its order."""
    return json.dumps({name: answer.get(name) for name in task.fields}, ensure_ascii=False, separators=(",", ":"))


def row_line(row: Row, task: Task) -> str:
    """A row as a line of JSONL, in the form that :func:`read_rows` and ``medie-fhir evaluate`` read."""
    instruction = task.messages[-1].content.partition("\n")[0]
    output = {name: row.answer.get(name) for name in task.fields}
    value = {"instruction": instruction, "input": row.text, "output": output, "made": row.made}
    return json.dumps(value, ensure_ascii=False) + "\n"


def read_rows(lines: Iterable[str], task: Task, name: str) -> tuple[Row, ...]:
    """The rows of a JSONL file's lines; ``name`` is the file's, for the message.

    ``instruction`` is not read: the messages are the task's. A field that a row lacks is null. Raises SettingsError at
    the first line that is no such pair, or whose answer the pipeline would not take.
    """
    rows = tuple(_row(line, task, f"{name}:{number}") for number, line in enumerate(lines, 1) if line.strip())
    if not rows:
        raise SettingsError(f"{name}: holds no row")
    return rows


def _row(line: str, task: Task, place: str) -> Row:
    try:
        value = json.loads(line)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise SettingsError(f"{place}: is not JSON") from None
    match value:
        case {"input": str(text), "output": dict(output)}:
            made = value.get("made", "given")
            return Row(text, _checked(output, task, place), made if isinstance(made, str) else "given")
    raise SettingsError(f'{place}: is not a pair {{"instruction", "input", "output": {{field: value}}}}')


def _checked(output: Mapping[str, object], task: Task, place: str) -> Answer:
    if unknown := output.keys() - task.fields.keys():
        raise SettingsError(f"{place}: {len(unknown)} fields of its output are none of the task {task.name}'s")
    answer: dict[str, str | None] = {}
    for name, rule in task.fields.items():
        value = output.get(name)
        if value is not None and not (isinstance(value, str) and 0 < len(value) < rule.max_length):
            raise SettingsError(f"{place}: {name} must be null, or a text of 1 to {rule.max_length - 1} characters")
        answer[name] = value
    return answer
