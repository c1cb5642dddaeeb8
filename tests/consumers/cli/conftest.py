"""The command as it is typed, and doctor of a FHIR server alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from consumers.cli.app import app

SECRET = "s3ntinel"
Run = Callable[..., "subprocess.CompletedProcess[str]"]
Found = dict[str, dict[str, Any]]
Doctor = Callable[..., tuple[int, Found]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs ``medie-fhir`` in an empty folder, with none of this machine's settings."""

    def do(
        *arguments: str, env: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MEDIE_") or k == "MEDIE_HOME"}
        command = [sys.executable, "-c", "from consumers.cli import main; main()", *arguments]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=clean | dict(env or {}) | {"COLUMNS": "200"},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=900,  # the demo, on a machine that is busy with others
            check=False,
        )

    return do


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Runs doctor with no Kafka and no model; gives its exit code and what each check found."""
    monkeypatch.setattr("consumers.cli.doctor._PATIENCE_S", 0.1)  # for Kafka, which is away
    monkeypatch.setenv("MEDIE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("MEDIE_MODEL__BASE_URL", "http://127.0.0.1:1/v1")

    def run(base_url: str, *options: str, **settings: str) -> tuple[int, Found]:
        monkeypatch.setenv("MEDIE_FHIR__BASE_URL", base_url)
        for name, value in settings.items():
            monkeypatch.setenv(f"MEDIE_{name}", value)
        result = CliRunner().invoke(app, ["doctor", "--json", *options])
        assert SECRET not in result.output
        return result.exit_code, {line["check"]: line for line in map(json.loads, result.stdout.splitlines())}

    return run
