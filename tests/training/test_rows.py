"""Rows are read as they are written, and what is learned is what the pipeline's own parser reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.errors import SettingsError
from medie_fhir.extraction import Task
from medie_fhir.extraction.parse import parse
from medie_fhir.ports import ModelAnswer
from training.rows import Row, answer_text, nothing, read_rows, row_line

VALUES = st.none() | st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=79)


@given(data=st.data())
def test_an_answer_is_what_the_pipeline_reads_and_a_row_comes_back_from_its_line(
    data: st.DataObject, task: Task
) -> None:
    answer = {name: data.draw(VALUES) for name in task.fields}
    row = Row(data.draw(st.text(st.characters(exclude_categories=("Cs",)))), answer, "composed")
    parsed = parse(ModelAnswer(answer_text(answer, task), "stop"), task)
    assert {name: value and value.text for name, value in parsed.items()} == answer
    assert read_rows([row_line(row, task)], task, "file") == (row,)


def test_an_answer_is_compact_and_in_the_tasks_order(task: Task) -> None:
    assert answer_text(nothing(task), task) == (
        '{"cancer_type":null,"stage":null,"gene_mutation":null,"biomarker":null,"treatment":null,"response":null,'
        '"metastasis_site":null}'
    )


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        '{"input": "a note"}',
        json.dumps({"input": "a note", "output": {"colour": "blue"}}),
        json.dumps({"input": "a note", "output": {"stage": 4}}),
        json.dumps({"input": "a note", "output": {"stage": ""}}),
        json.dumps({"input": "a note", "output": {"stage": "I" * 80}}),
        '{"input": "\\ud800", "output": {}}',
    ],
)
def test_a_broken_row_is_refused_by_its_line_and_without_its_words(line: str, task: Task) -> None:
    with pytest.raises(SettingsError, match=r"^file:2: ") as refused:
        read_rows([row_line(Row("a"), task), line], task, "file")
    assert "note" not in str(refused.value)
    assert "blue" not in str(refused.value)


def test_a_file_without_a_row_is_refused(task: Task) -> None:
    with pytest.raises(SettingsError, match="no row"):
        read_rows(["", "\n"], task, "file")
