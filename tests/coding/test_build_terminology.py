"""The tables as built: needs the archives of the sources, in the folder that MEDIE_TEST_TERMINOLOGY names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_terminology.py"
SOURCES = os.environ.get("MEDIE_TEST_TERMINOLOGY")


@pytest.mark.skipif(not SOURCES, reason="MEDIE_TEST_TERMINOLOGY is not set")
def test_the_committed_tables_are_those_that_the_sources_give() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, str(SOURCES), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "hl7.terminology.r4-7.0.1.tgz" in done.stderr
