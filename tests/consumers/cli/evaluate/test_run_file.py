"""Runs in files."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from consumers.cli.evaluate.run_file import RunHeader, RunLine, RunWriter, read_run

HEADER = RunHeader(
    software="medie-fhir 0",
    task="oncology@1",
    task_digest="d",
    fields=("stage",),
    model="m",
    readers=("model",),
    cues="c",
    tables="t",
    mapping="default@1",
    gold="g",
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "run.ndjson"
    with RunWriter(file, HEADER) as writer:
        writer.add(RunLine(id="a", seconds=1.5, error="ModelOutputError"))
    run = read_run(file, "--run")
    assert run.header == HEADER
    assert run.lines["a"].error == "ModelOutputError"
    assert file.stat().st_mode & 0o077 == 0


def test_a_line_that_was_cut_off_is_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "run.ndjson"
    with RunWriter(file, HEADER) as writer:
        writer.add(RunLine(id="a", seconds=1, error="x"))
        writer.add(RunLine(id="b", seconds=1, error="x"))
    file.write_bytes(file.read_bytes()[:-5])
    with RunWriter(file, HEADER) as writer:
        assert [*writer.done] == ["a"]
        writer.add(RunLine(id="b", seconds=2, error="y"))
    assert [(line.id, line.error) for line in read_run(file, "--run").lines.values()] == [("a", "x"), ("b", "y")]


def test_a_header_that_was_cut_off_is_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "run.ndjson"
    file.write_text('{"schema": "medie.eval')
    with RunWriter(file, HEADER) as writer:
        writer.add(RunLine(id="a", seconds=1, error="x"))
    assert [*read_run(file, "--run").lines] == ["a"]


def test_a_run_of_another_header_names_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "run.ndjson"
    with RunWriter(file, HEADER):
        pass
    with pytest.raises(typer.BadParameter, match="another model, gold"):
        RunWriter(file, HEADER.model_copy(update={"model": "n", "gold": "h"}))


@pytest.mark.parametrize(
    ("content", "place"), [("", ":1:"), ("{}\n", ":1:"), (HEADER.model_dump_json(by_alias=True) + "\nx\n", ":2:")]
)
def test_what_is_no_run_is_told_by_its_line(tmp_path: Path, content: str, place: str) -> None:
    file = tmp_path / "run.ndjson"
    file.write_text(content)
    with pytest.raises(typer.BadParameter, match=place):
        read_run(file, "--run")
