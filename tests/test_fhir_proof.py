"""The proof itself, smaller than ``make fhir-proof``: on a real HAPI, each figure is as wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parent / "proof" / "run.py"
ROWS = ("replay", "lives", "writers", "edits")
"""Not throughput: so few documents on a busy machine say nothing of it."""


@pytest.fixture(scope="module")
def figures(fhir_address: str, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The figures of all rows, in the program's order."""
    out = tmp_path_factory.mktemp("proof") / "fhir-proof.json"
    done = subprocess.run(
        [sys.executable, PROGRAM, *ROWS],
        env={
            "FHIR_PROOF_DOCUMENTS": "25", **os.environ,
            "MEDIE_TEST_FHIR_URL": fhir_address, "FHIR_PROOF_OUT": str(out),
        },
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr[-3000:]
    sys.stderr.write(done.stderr)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


@pytest.mark.fhir
@pytest.mark.parametrize("row", ROWS)
def test_each_figure_is_as_wanted(figures: list[dict[str, Any]], row: str) -> None:
    of_the_row = [figure for figure in figures if figure["name"].startswith(f"{row}: ")]
    assert any(figure["wanted"] for figure in of_the_row)
    assert [figure for figure in of_the_row if not figure["ok"]] == []
