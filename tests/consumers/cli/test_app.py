"""What ends the command is told, and what a note says is not."""

from __future__ import annotations

import pytest

from consumers.cli import app as command
from medie_fhir.errors import FhirUnavailable, SettingsError


@pytest.mark.parametrize(("error", "code"), [(SettingsError("a: wrong"), 2), (FhirUnavailable("a: no answer"), 3)])
def test_an_error_of_ours_is_one_line(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr(command, "app", fails)
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == code
    assert capsys.readouterr().err == f"medie-fhir: {type(error).__name__}: {error}\n"


def test_a_fault_of_the_program_is_told_by_its_place_and_not_by_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise ValueError("Jane " + "Roe")

    monkeypatch.setattr(command, "app", fails)
    with pytest.raises(SystemExit) as ended:
        command.main()
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert "ValueError" in told
    assert "test_app.py" in told
    assert "Jane Roe" not in told
