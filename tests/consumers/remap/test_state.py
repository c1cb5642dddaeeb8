"""How far a remap is, in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consumers.remap import Failed, Progress, RemapReport, StateFile, digest_of
from medie_fhir.drafting import Published
from medie_fhir.errors import SettingsError
from medie_fhir.transaction import Change

ID = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture
def report() -> RemapReport:
    report = RemapReport()
    changes = (Change(f"Condition/{ID}", "created"), Change(f"Observation/{ID}-1", "updated"), Change("X/y", "kept"))
    report.published(Published("written", changes=changes), {ID: "stage"})
    report.failure(Failed("DocumentReference/d4", "FhirRejected", "422"))
    return report


def test_a_report_names_fields_and_where_none_is_known_the_type(report: RemapReport) -> None:
    assert report.to_json() == {
        "documents": {"written": 1, "failed": 1},
        "resources": {"X": {"kept": 1}, "stage": {"created": 1, "updated": 1}},
        "failed": [{"document": "DocumentReference/d4", "error": "FhirRejected", "message": "422"}],
    }


def test_what_is_written_is_read_again_and_only_its_owner_may(tmp_path: Path, report: RemapReport) -> None:
    path = tmp_path / "state.json"
    file = StateFile(path, digest_of("a"))
    assert file.read().position is None
    file.write(Progress({"0": 7}, report))
    assert path.stat().st_mode & 0o777 == 0o600
    again = file.read()
    assert (again.position, again.report.to_json()) == ({"0": 7}, report.to_json())
    file.remove()
    assert file.read().position is None


def test_a_state_of_another_remap_or_none_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    StateFile(path, digest_of("a", 1)).write(Progress({"0": 7}))
    with pytest.raises(SettingsError, match="--restart"):
        StateFile(path, digest_of("a", 2)).read()
    for broken in ("", "[]", "{}", json.dumps({"digest": digest_of("a", 1)})):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(SettingsError, match="no state of a remap"):
            StateFile(path, digest_of("a", 1)).read()
