"""``mapping check``: what a mapping makes, or all that is wrong with it."""

import json
from pathlib import Path

from typer.testing import CliRunner

from consumers.cli.mapping import app
from medie_fhir.shipped import shipped

BROKEN = "name: mine\nversion: x\ntask: oncology\npolicy: {}\ntemplates: []\n"


def test_a_good_mapping_tells_templates_types_profiles_and_policy(runner: CliRunner) -> None:
    told = runner.invoke(app, ["check"])
    assert told.exit_code == 0
    assert told.stdout.startswith("default@")
    for word in ("genomic variant", "Observation", "mcode-genomic-variant", "historical", "minimal alignment"):
        assert word in told.stdout


def test_json_holds_the_same(runner: CliRunner) -> None:
    found = json.loads(runner.invoke(app, ["check", "--json"]).stdout)
    assert found["ok"]
    assert found["resource_types"] == ["Condition", "Observation"]
    by_name = {template["name"]: template for template in found["templates"]}
    stage = by_name["cancer stage"]
    assert (stage["field"], stage["makes"]) == ("stage", "Observation")
    assert len(stage["profiles"]) > 1
    assert all(profile["profile"] in found["profiles"] for profile in stage["profiles"])
    assert any(p["blocks"] for p in stage["profiles"]), "which profile is declared hangs on a condition"
    assert found["policy"]["treatment"]["assertions"] == ["present", "historical"]


def test_faults_are_all_told_with_their_places_and_exit_1(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(BROKEN, encoding="utf-8")
    told = runner.invoke(app, ["check", "mine.yaml"])
    assert told.exit_code == 1
    found = runner.invoke(app, ["check", "mine.yaml", "--json"])
    assert found.exit_code == 1
    answer = json.loads(found.stdout)
    assert not answer["ok"]
    assert [(f["file"], f["line"], f["column"], f["path"]) for f in answer["faults"]] == [
        ("mine.yaml", 2, 10, "version"),
        ("mine.yaml", 5, 12, "templates"),
    ]
    assert all(f["what"] for f in answer["faults"])


def test_what_a_policy_lets_through_and_may_be_meant_is_a_warning(runner: CliRunner, tmp_path: Path) -> None:
    text = shipped("mappings", "default.yaml").read_text(encoding="utf-8")
    planned = text.replace("[present, historical], uncoded", "[present, planned], uncoded")
    (tmp_path / "mine.yaml").write_text(planned, encoding="utf-8")
    told = runner.invoke(app, ["check", "mine.yaml"])
    assert told.exit_code == 0
    assert "policy.treatment.assertions.1: what is planned is written by template 'cancer treatment'" in told.stderr
    (warning,) = json.loads(runner.invoke(app, ["check", "mine.yaml", "--json"]).stdout)["warnings"]
    assert warning["path"] == "policy.treatment.assertions.1"
