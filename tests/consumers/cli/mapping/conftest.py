"""What the mapping commands are tried on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

GOLDEN = Path(__file__).parents[3] / "golden" / "extractions"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return CliRunner()


@pytest.fixture
def golden() -> Path:
    """The folder of the golden extraction records."""
    return GOLDEN
