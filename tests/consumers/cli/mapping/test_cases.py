"""``medie-fhir mapping test``: the cases beside a mapping."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from consumers.cli.app import app
from medie_fhir.configuration import read_task
from medie_fhir.mapping import load_case
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped

WRONG = """# ours
about: A drug
extraction:
  facts:
    - { field: treatment, value: carboplatin } # present
    - { field: cancer_type, value: zyxoma }
expect:
  - resourceType: Observation
    code: { text: Therapy }
"""


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIE_CONFIG", raising=False)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["mapping", "test", *map(str, arguments)])


def test_the_cases_of_the_shipped_mapping_pass() -> None:
    done = run()
    assert done.exit_code == 0, done.stdout
    assert "of which none failed" in done.stdout


def test_the_cases_of_the_shipped_mapping_speak_of_every_field() -> None:
    fields = read_task(Settings()).fields
    cases = sorted(shipped("mappings", "default.tests").glob("*.yaml"))
    loaded = [load_case(case.read_text(encoding="utf-8"), case.name, fields) for case in cases]
    assert len(loaded) >= 10
    assert {fact.field for case in loaded if case.expect for fact in case.record.facts} == set(fields)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The default mapping as a file of the site's own, with one case that is wrong."""
    (tmp_path / "mine.tests").mkdir()
    (tmp_path / "mine.tests" / "drug.yaml").write_text(WRONG, encoding="utf-8")
    text = shipped("mappings", "default.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "mine.yaml"


def test_what_differs_is_told_and_written_where_it_is_asked(mine: Path) -> None:
    case = mine.parent / "mine.tests" / "drug.yaml"
    done = run(mine)
    assert done.exit_code == 1
    for line in ("FAIL  drug: A drug", "Observation.code.text", 'expected  "Therapy"', 'found     "Cancer treatment"'):
        assert line in done.stdout
    assert 'held back: cancer_type "zyxoma": no table knows it' in done.stdout
    assert case.read_text(encoding="utf-8") == WRONG

    done = run(mine, "--update")
    assert done.exit_code == 0
    assert 'expected  "Therapy"' in done.stdout
    head, _, told = WRONG.partition("expect:")
    assert told
    assert case.read_text(encoding="utf-8").startswith(head)
    assert "Cancer treatment" in case.read_text(encoding="utf-8")
    assert run(mine).exit_code == 0


def test_a_case_with_faults_and_one_that_the_mapping_fails_on_fail_and_the_others_are_tried(mine: Path) -> None:
    cases = mine.parent / "mine.tests"
    (cases / "broken.yaml").write_text("extraction: { facts: [{ field: colour, value: x }] }", encoding="utf-8")
    (cases / "new.yaml").write_text("extraction: {}", encoding="utf-8")
    text = mine.read_text(encoding="utf-8")
    at_two_places = "text: \"{{ %fact.evidence.text.where($this != 'sample') }}\""
    mine.write_text(text.replace("text: Cancer treatment", at_two_places), encoding="utf-8")
    drug = cases / "drug.yaml"
    drug.write_text(WRONG.replace("value: carboplatin", "value: carboplatin, evidence: [a, b]"), encoding="utf-8")
    (cases / "none.yaml").write_text("extraction: {}\nexpect_none: true", encoding="utf-8")
    done = run(mine, "--update")
    assert done.exit_code == 1
    assert "broken.yaml:1:" in done.stdout
    assert "mine.yaml:" in done.stdout
    assert "expects nothing yet" in done.stdout
    assert "ok    none" in done.stdout
    assert "of which 2 failed" in done.stdout
    assert (cases / "new.yaml").read_text(encoding="utf-8") == "extraction: {}\nexpect_none: true\n"


def test_a_folder_without_cases_is_wrong_use(tmp_path: Path) -> None:
    done = run("default", "--cases", tmp_path)
    assert done.exit_code == 2
    assert "holds no cases" in done.stderr


@pytest.mark.parametrize("mapping", ["mcode", "mine.yaml"])
def test_a_mapping_without_cases_says_so_and_how_to_make_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapping: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("", encoding="utf-8")
    done = run(mapping)
    assert done.exit_code == 2
    assert f"{mapping}: has no cases yet" in done.stderr
    assert "default.tests" in done.stderr
    assert "--update" in done.stderr
    assert "Invalid value" not in done.stderr
