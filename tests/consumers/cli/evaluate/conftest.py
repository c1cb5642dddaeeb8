"""A gold file of two notes, and ``medie-fhir evaluate``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from consumers.cli.app import app

Command = Callable[..., Result]
LUNG = {
    "id": "lung",
    "note_type": "consult",
    "text": "ASSESSMENT: Lung adenocarcinoma with liver metastases. No brain metastases.",
    "gold": {"cancer_type": ["Lung adenocarcinoma"], "metastasis_site": ["liver", "peritoneum"]},
    "forbid": [{"field": "metastasis_site", "value": "brain", "trap": "negated_metastasis"}],
    "trap": ["negated_metastasis"],
}
KNEE = {"id": "knee", "note_type": "letter", "text": "A sore knee. No cancer.", "gold": {}, "trap": ["pure_negative"]}


@pytest.fixture(scope="session")
def command() -> Command:
    """Runs the command with none of this machine's settings; the lexical reader needs no model."""
    clean = {name: None for name in os.environ if name.startswith("MEDIE_")}
    return lambda *arguments: CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env=clean)


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    return write_gold(tmp_path)


@pytest.fixture(scope="session")
def made(command: Command, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a run of the two notes leaves."""
    folder = tmp_path_factory.mktemp("made")
    run = folder / "run.ndjson"
    told = command(write_gold(folder), "--readers", "lexicon", "--save", run)
    assert told.exit_code == 0, told.stderr
    return run.read_bytes()


@pytest.fixture
def saved(made: bytes, tmp_path: Path) -> Path:
    file = tmp_path / "run.ndjson"
    file.write_bytes(made)
    return file


def write_gold(folder: Path) -> Path:
    file = folder / "gold.jsonl"
    file.write_text("".join(json.dumps(note) + "\n" for note in (LUNG, KNEE)), encoding="utf-8")
    return file
