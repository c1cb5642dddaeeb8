"""Differences are appended, for their owner's eyes alone, and never fail a note."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from medie_fhir.adapters.differences import DifferencesFile


def test_lines_are_appended_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "differences.ndjson"
    for number in range(2):
        DifferencesFile(path).write([{"field": "stage", "n": number}, {"field": "treatment", "n": number}])
    assert [json.loads(line)["n"] for line in path.read_text(encoding="utf-8").splitlines()] == [0, 0, 1, 1]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_can_not_be_written_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = DifferencesFile(tmp_path / "later" / "x.ndjson")
    file.write([{}])
    file.write([{}])
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING
    (tmp_path / "later").mkdir()
    file.write([{}])
    assert file.path.read_text(encoding="utf-8") == "{}\n"
