"""``mapping render``: what one note becomes, printed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consumers.cli.mapping import app


def test_it_prints_the_bundle_one_resource_or_where_it_comes_from(runner: CliRunner, golden: Path) -> None:
    of = ["render", "--extraction", str(golden / "stage-figo.json")]
    bundle = json.loads(runner.invoke(app, of).stdout)
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
    (stage,) = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Observation"]
    one = runner.invoke(app, [*of, "--resource", stage["id"], "--json"])
    assert json.loads(one.stdout) == stage
    assert one.stdout.count("\n") == 1
    explained = json.loads(runner.invoke(app, [*of, "--resource", "Observation", "--explain", "--json"]).stdout)
    assert [r["template"] for r in explained["resources"]] == ["cancer stage"]


def test_what_would_write_nothing_is_an_empty_bundle_and_says_so(runner: CliRunner, golden: Path) -> None:
    told = runner.invoke(app, ["render", "--extraction", str(golden / "nothing-said.json")])
    assert told.exit_code == 0
    assert json.loads(told.stdout) == {"resourceType": "Bundle", "type": "transaction"}
    assert "nothing would be written" in told.stderr


def test_a_mapping_with_faults_tells_them_all_and_exits_1(runner: CliRunner, golden: Path, tmp_path: Path) -> None:
    broken = "name: x\nversion: x\ntask: oncology\npolicy: {}\ntemplates: []\n"
    (tmp_path / "mine.yaml").write_text(broken, encoding="utf-8")
    told = runner.invoke(app, ["render", "mine.yaml", "--extraction", str(golden / "stage-figo.json")])
    assert told.exit_code == 1
    assert "mine.yaml:2:10: version" in told.stderr
    assert "faults: 2" in told.stderr


@pytest.mark.model
def test_a_note_is_read_by_the_settings_model(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("ASSESSMENT: Lung adenocarcinoma, stage IV.", encoding="utf-8")
    told = runner.invoke(app, ["render", "--note", "note.txt", "--resource", "Condition", "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout.splitlines()[-1])["code"]["text"].lower() == "lung adenocarcinoma"
