"""What a mapping is tried on: one note, or one extraction record."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from consumers.cli.mapping.inputs import input_of
from medie_fhir.errors import RecordError, UnknownEventShape
from medie_fhir.pipeline import Pipeline

NOTE = "Lung adenocarcinoma, stage IV."


async def test_a_text_is_read_as_a_note_of_an_example_patient(pipeline: Pipeline, model: Any, tmp_path: Path) -> None:
    model.script = {NOTE: {"cancer_type": "Lung adenocarcinoma"}}
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    record = await input_of(str(tmp_path / "note.txt"), None).record(pipeline)
    assert [(f.field, f.value) for f in record.facts] == [("cancer_type", "Lung adenocarcinoma")]
    assert record.document.reference == "DocumentReference/note.txt"
    assert record.document.subject == {"reference": "Patient/example"}


async def test_a_document_reference_is_read_with_its_patient_and_date(
    pipeline: Pipeline, model: Any, event: Callable[..., bytes], tmp_path: Path
) -> None:
    model.script = {NOTE: {"cancer_type": "Lung adenocarcinoma"}}
    (tmp_path / "note.json").write_bytes(event(NOTE))
    record = await input_of(str(tmp_path / "note.json"), None).record(pipeline)
    assert record.document.subject == {"reference": "Patient/p1"}
    assert record.document.date == "2026-01-01T09:00:00Z"
    assert len(record.facts) == 1


async def test_json_of_another_kind_is_refused_and_not_read_as_text(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "note.json").write_text('{"resourceType": "Patient", "id": "p"}', encoding="utf-8")
    with pytest.raises(UnknownEventShape):
        await input_of(str(tmp_path / "note.json"), None).record(pipeline)


async def test_an_extraction_is_a_file_or_a_line_of_one_and_no_model_is_asked(
    pipeline: Pipeline, model: Any, golden: Path, tmp_path: Path
) -> None:
    records = [golden / f"{name}.json" for name in ("stage-figo", "two-primaries")]
    lines = [json.dumps(json.loads(path.read_bytes())) for path in records]
    (tmp_path / "all.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    whole = await input_of(None, str(records[1])).record(pipeline)
    assert await input_of(None, f"{tmp_path}/all.ndjson:2").record(pipeline) == whole
    assert model.asked == 0
    assert not input_of(None, str(records[1])).asks_model


async def test_what_is_no_record_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RecordError):
        await input_of(None, str(tmp_path / "x.json")).record(pipeline)


@pytest.mark.parametrize(
    ("note", "extraction", "said"),
    [
        (None, None, "either"),
        ("a", "b", "either"),
        ("nowhere.txt", None, "No such file"),
        (None, "nowhere.json", "No such file"),
        (None, "two.ndjson", "holds 2 records; name one: two.ndjson:LINE"),
        (None, "two.ndjson:3", "no such line"),
        (None, "two.ndjson:0", "no such line"),
    ],
)
def test_wrong_use_is_told(
    note: str | None, extraction: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.ndjson").write_text("{}\n{}\n", encoding="utf-8")
    with pytest.raises(typer.BadParameter, match=said):
        input_of(note, extraction)
