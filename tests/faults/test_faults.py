"""The suite itself, smaller than ``make faults``: every fault, on a real broker, leaves a clean row."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
SMALL = {"FAULT_EVENTS": "120", "FAULT_SECONDS": "6"}
NAMES = (
    "poison",
    "consumer-killed",
    "member-stuck",
    "broker-killed",
    "model-down",
    "fhir-writing-late",
    "cache-disk-full",
)
"""Those that break different things; ``make faults`` runs all."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The rows of all faults, by name."""
    if (missing := [p for p in ("java", "mvn") if shutil.which(p) is None]) and not os.environ.get("CI"):
        pytest.skip(f"not installed: {', '.join(missing)}")
    out = tmp_path_factory.mktemp("faults") / "faults.json"
    done = subprocess.run(
        [sys.executable, HERE / "run.py", *NAMES],
        env={**SMALL, **os.environ, "FAULT_OUT": str(out)}, capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr[-3000:]
    sys.stderr.write(done.stderr)
    return {row["fault"]: row for row in map(json.loads, out.read_text(encoding="utf-8").splitlines())}


@pytest.mark.kafka
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost_doubled_out_of_order_stuck_or_leaked(rows: dict[str, Any], name: str) -> None:
    row = rows[name]
    assert {k: row[k] for k in ("lost", "duplicated", "out_of_order", "stuck", "leaked")} == {
        "lost": 0,
        "duplicated": 0,
        "out_of_order": 0,
        "stuck": 0,
        "leaked": 0,
    }
    assert row["dead_letters_seen"] == row["dead_letters_expected"] > 0
    assert row["recovery_s"] is not None
