"""``mapping check``: what a mapping makes, or all that is wrong with it."""

import pytest
from typer.testing import CliRunner

from consumers.cli.mapping import app


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


def test_the_default_mapping_is_ok(runner: CliRunner) -> None:
    told = runner.invoke(app, ["check"])
    assert told.exit_code == 0
    assert told.stdout.startswith("default@")
