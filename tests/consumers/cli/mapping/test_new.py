"""``mapping new``: a mapping of one's own."""

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from consumers.cli.mapping import app
from medie_fhir.shipped import shipped


def shipped_text(name: str = "default") -> str:
    return shipped("mappings", f"{name}.yaml").read_text(encoding="utf-8")


def test_it_is_a_copy_under_its_own_name_with_every_comment(runner: CliRunner, tmp_path: Path) -> None:
    told = runner.invoke(app, ["new", "our-hospital"])
    assert told.exit_code == 0, told.output
    made, origin = (tmp_path / "our-hospital.yaml").read_text(encoding="utf-8"), shipped_text()
    ours, theirs = yaml.safe_load(made), yaml.safe_load(origin)
    assert (ours.pop("name"), ours.pop("version")) == ("our-hospital", "0.1.0")
    del theirs["name"], theirs["version"]
    assert ours == theirs
    comments = [line for line in origin.splitlines() if "#" in line and "yaml-language-server" not in line]
    assert set(comments) <= set(made.splitlines())


def test_it_is_accepted_as_it_is_and_what_to_do_next_is_said(runner: CliRunner) -> None:
    told = runner.invoke(app, ["new", "mine"])
    assert "medie-fhir mapping check mine.yaml" in told.stdout
    assert runner.invoke(app, ["check", "mine.yaml"]).exit_code == 0


@pytest.mark.parametrize("name", ["null", "no"])
def test_a_name_that_is_a_word_of_yaml_stays_a_name(runner: CliRunner, name: str) -> None:
    assert runner.invoke(app, ["new", name]).exit_code == 0
    told = runner.invoke(app, ["check", f"{name}.yaml"])
    assert told.exit_code == 0, told.output
    assert f"{name}@0.1.0#" in told.stdout


def test_an_editor_finds_the_schema_beside_it(runner: CliRunner, tmp_path: Path) -> None:
    runner.invoke(app, ["new", "mine", "--out", "deep.yaml"])
    first, *rest = (tmp_path / "deep.yaml").read_text(encoding="utf-8").splitlines()
    line = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert line is not None
    schema = json.loads((tmp_path / line[1]).read_text(encoding="utf-8"))
    assert schema["title"] == "MappingFile"
    assert not any("yaml-language-server" in other for other in rest), "one such line, and not that of the origin"


def test_nothing_is_written_over(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mine", encoding="utf-8")
    told = runner.invoke(app, ["new", "mine"])
    assert told.exit_code == 2
    assert "is there already" in told.output
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8") == "mine"


def test_a_schema_of_anothers_stays_and_one_of_ours_is_renewed(runner: CliRunner, tmp_path: Path) -> None:
    schema = tmp_path / "mapping.schema.json"
    schema.write_text('{"title": "theirs"}', encoding="utf-8")
    assert runner.invoke(app, ["new", "mine"]).exit_code == 2
    assert not (tmp_path / "mine.yaml").exists()
    schema.write_text('{"title": "MappingFile"}', encoding="utf-8")
    assert runner.invoke(app, ["new", "mine"]).exit_code == 0
    assert "properties" in json.loads(schema.read_text(encoding="utf-8"))


def test_it_is_made_of_a_file_too(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "theirs.yaml").write_text(
        'version: "7.0.0" # theirs\nname: &n theirs\npolicy: {} # kept\n', encoding="utf-8"
    )
    assert runner.invoke(app, ["new", "ours", "--from", "theirs.yaml"]).exit_code == 0
    made = (tmp_path / "ours.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(made) == {"name": "ours", "version": "0.1.0", "policy": {}}
    assert "# theirs" in made
    assert "# kept" in made


def test_the_tables_that_it_names_beside_itself_come_with_it(runner: CliRunner, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    (theirs / "tables").mkdir(parents=True)
    (theirs / "tables" / "symptom.csv").write_text("concept\n", encoding="utf-8")
    (theirs / "m.yaml").write_text("name: m\nversion: 1.0.0\nterminology: tables\n", encoding="utf-8")
    told = runner.invoke(app, ["new", "ours", "--from", "theirs/m.yaml"])
    assert (tmp_path / "tables" / "symptom.csv").read_text(encoding="utf-8") == "concept\n"
    assert "tables/: its terminology tables" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Mine"], "small letters"),
        (["default"], "a shipped mapping has this name"),
        (["mine", "--from", "nowhere"], "default"),
        (["mine", "--from", "nowhere.yaml"], "no such file"),
        (["mine", "--from", "odd.yaml"], "is no mapping"),
        (["mine", "--from", "bare.yaml"], "no name or no version"),
        (["mine", "--out", "mine"], ".yaml"),
        (["mine", "--out", "nowhere/mine.yaml"], "nowhere: no such folder: make it first"),
    ],
)
def test_wrong_use_says_what_is_wrong_and_writes_nothing(
    runner: CliRunner, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "odd.yaml").write_text("- [", encoding="utf-8")
    (tmp_path / "bare.yaml").write_text("task: oncology\n", encoding="utf-8")
    told = runner.invoke(app, ["new", *arguments])
    assert told.exit_code == 2
    assert said in " ".join(told.output.split())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bare.yaml", "odd.yaml"]
