"""Extraction records beside a FHIR store."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.kept_records import is_store, keep, records_beside
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import RecordError, SettingsError
from medie_fhir.model import DocumentInfo, DocumentVersion, ExtractionRecord, Outcome, Produced

PRODUCED = Produced(at="2026-01-02T10:00:00Z", software="s", task="oncology@1", task_digest="d", model="m")


def record(document: str, version: str, model: str = "m") -> bytes:
    about = DocumentInfo(reference=f"DocumentReference/{document}", version=DocumentVersion(version_id=version))
    produced = PRODUCED.model_copy(update={"model": model})
    return ExtractionRecord(document=about, produced=produced, outcome=Outcome.EXTRACTED).to_json().encode()


def lines(store: Path) -> list[bytes]:
    return records_beside(store).read_bytes().splitlines()


def test_a_store_is_told_by_its_content_and_its_records_lie_beside_it(tmp_path: Path) -> None:
    store, other = tmp_path / "fhir.sqlite", tmp_path / "r.ndjson"
    FhirTwin(store).close()
    other.write_bytes(record("a", "1"))
    assert (is_store(store), is_store(other), is_store(tmp_path), is_store(tmp_path / "none")) == (True, *[False] * 3)
    assert records_beside(store) == tmp_path / "fhir.records.ndjson"


def test_a_later_run_replaces_what_it_read_again_and_keeps_the_rest(tmp_path: Path) -> None:
    store = tmp_path / "fhir.sqlite"
    keep(store, [record("a", "1"), record("a", "2"), record("b", "1")])
    keep(store, [record("a", "2", "new"), record("c", "1")])
    assert lines(store) == [record("a", "1"), record("a", "2", "new"), record("b", "1"), record("c", "1")]
    assert [path.name for path in tmp_path.iterdir()] == ["fhir.records.ndjson"]


def test_what_is_no_record_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    store = tmp_path / "fhir.sqlite"
    keep(store, [record("a", "1")])
    with pytest.raises(RecordError):
        keep(store, [b"{}"])
    assert lines(store) == [record("a", "1")]
    with pytest.raises(SettingsError, match="can't be kept there"):
        keep(tmp_path / "no folder" / "fhir.sqlite", [record("a", "1")])
