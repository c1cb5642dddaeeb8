"""Notes from files: each is a document of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from consumers.cli.app import app
from consumers.cli.extract import _NEXT, _reference, _shown, read_note
from consumers.kept_records import append
from consumers.records import stored_records
from medie_fhir.errors import SettingsError
from medie_fhir.model import ExtractionRecord, Json
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings


def test_a_name_that_is_a_fhir_id_is_kept() -> None:
    assert _reference("01-lung.txt") == "DocumentReference/01-lung.txt"


def test_notes_of_different_names_are_different_documents() -> None:
    names = ("a/b", "a-b", "", "note", "Ü", "😀", "x" * 64, "x" * 65, "x" * 66)
    references = {_reference(name) for name in names}
    assert len(references) == len(names)
    assert all(len(reference) <= len("DocumentReference/") + 64 for reference in references)


async def read(pipeline: Pipeline, model: Any, name: str) -> ExtractionRecord:
    model.script = {"Lung": {"cancer_type": "lung adenocarcinoma", "stage": "IV"}}
    return await read_note(pipeline, name, "Lung adenocarcinoma, stage IV.", "Patient/p1")


async def test_kept_records_are_what_remap_and_diff_read_the_newest_of_each_document_for_their_owner_alone(
    pipeline: Pipeline, model: Any, tmp_path: Path
) -> None:
    file, shown = tmp_path / "records.ndjson", []
    show = _shown(lambda _, name, record: shown.append((name, record)), file)
    made = {name: await read(pipeline, model, name) for name in ("a.txt", "b.txt")}
    for name, record in (*made.items(), ("a.txt", made["a.txt"])):
        show(pipeline, name, record)
    assert [name for name, _ in shown] == ["a.txt", "b.txt", "a.txt"]
    assert len(file.read_bytes().splitlines()) == 3
    assert {one.record.document.reference: one.record async for one in stored_records(str(file), Settings())} == {
        f"DocumentReference/{name}": record for name, record in made.items()
    }
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_file_to_keep_them_in_records_are_shown_alone() -> None:
    assert _shown(print, None) is print


async def test_records_stand_behind_those_that_a_file_holds_whatever_its_last_line_ends_with(
    pipeline: Pipeline, model: Any, tmp_path: Path
) -> None:
    record = (await read(pipeline, model, "a.txt")).to_json().encode()
    file = tmp_path / "records.ndjson"
    file.write_bytes(record)
    append(file, [record])
    append(file, [record])
    assert file.read_bytes() == (record + b"\n") * 3


def test_where_records_cannot_be_kept_is_told_before_a_model_is_started(tmp_path: Path) -> None:
    (tmp_path / "fhir.sqlite").write_bytes(b"SQLite format 3\0")
    for name, told in (("no folder/r.ndjson", "can't be kept there"), ("fhir.sqlite", "name fhir.records.ndjson")):
        with pytest.raises(SettingsError, match=told):
            _shown(print, tmp_path / name)


def test_each_reason_for_passing_over_a_note_has_a_next_step() -> None:
    assert set(_NEXT) == {"image", "empty", "masked", "no-content", "unsupported-content-type", "OtherLanguage"}


def test_a_text_is_read_by_its_task_and_by_each_that_reads_every_note(tmp_path: Path) -> None:
    note, config = tmp_path / "letter.txt", tmp_path / "medie.yaml"
    note.write_text("ASSESSMENT: Lung adenocarcinoma, stage IV. Atrial fibrillation.")
    also = "{task: cardiology, mapping: cardiology, also: true%s}"

    def read(*options: str, route: str = also % "") -> Json:
        config.write_text(f"readers: [lexicon]\nroutes: [{route}]\n")
        done = CliRunner().invoke(app, ["extract", str(note), "--config", str(config), *options])
        assert done.exit_code == 0, done.output
        found: Json = json.loads(done.stdout)
        return found

    fields = read("--json")["fields"]
    assert [fields[name][0]["value"] for name in ("stage", "heart_disease")] == ["stage IV", "Atrial fibrillation"]
    assert sum(e["resource"]["resourceType"] == "Provenance" for e in read("--fhir")["entry"]) == 2
    of_a_kind = read("--json", route=also % ', types: ["34099-2"]')["fields"]
    assert (len(of_a_kind["stage"]), of_a_kind["heart_disease"]) == (1, []), "a text has no type"
