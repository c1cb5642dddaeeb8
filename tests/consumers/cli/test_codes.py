"""``medie-fhir codes``: why a wording is coded as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consumers.cli.app import app

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIE_CONFIG", raising=False)


def test_the_row_the_match_and_all_codings_are_shown() -> None:
    done = RUNNER.invoke(app, ["codes", "pulmonary adenocarcinoma", "--field", "cancer_type"])
    assert done.exit_code == 0
    assert done.output.startswith("synonym: it is another wording of the row")
    assert "row: cancers:lung-adenocarcinoma (lung adenocarcinoma), cancers.csv:" in done.output
    assert "254626006" in done.output


def test_json_is_one_object() -> None:
    done = RUNNER.invoke(app, ["codes", "left lung", "--field", "metastasis_site", "--json"])
    answer = json.loads(done.output)
    assert answer["match"] == "rule"
    assert answer["row"] == "metastatic_sites:lung"
    assert [coding["code"] for coding in answer["codings"]["laterality"]] == ["7771000"]


def test_what_has_no_row_stays_text_and_says_so() -> None:
    done = RUNNER.invoke(app, ["codes", "odd thing", "--field", "cancer_type"])
    assert done.output == "none: no row and no rule: it stays text\nkey: text|odd thing\n"


def test_evidence_tells_the_system_of_a_stage() -> None:
    command = ["codes", "IIB", "--field", "stage", "--json"]
    assert json.loads(RUNNER.invoke(app, command).output)["attributes"]["kind"] == "generic"
    told = RUNNER.invoke(app, [*command, "--evidence", "AJCC 8th edition stage IIB"])
    assert json.loads(told.output)["attributes"]["kind"] == "tnm-group"


def test_a_site_sees_its_own_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = "concept,role,system,code,display,synonyms,source"
    (tmp_path / "cancers.csv").write_text(f"{header}\nmelanoma,text,,,,black mole,us\n")
    monkeypatch.setenv("MEDIE_SITE_TERMINOLOGY", str(tmp_path))
    answer = json.loads(RUNNER.invoke(app, ["codes", "black mole", "--field", "cancer_type", "--json"]).output)
    assert answer["place"] == f"{tmp_path / 'cancers.csv'}:2"
    assert answer["codings"]["code"][0]["code"] == "372244006"


def test_an_unknown_field_is_refused_with_those_there_are() -> None:
    done = RUNNER.invoke(app, ["codes", "x", "--field", "colour"])
    assert done.exit_code == 2
    assert "cancer_type" in done.output


@pytest.fixture
def asked(terminology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A terminology server that the settings name; it knows one word."""
    terminology.words = {"odd thing": [("http://snomed.info/sct", "1", "Odd thing", "equivalent")]}
    question = {"operation": "translate", "system": "urn:words", "concept_map": "urn:map"}
    server = {"base_url": terminology.base_url, "attempts": 1, "fields": {"cancer_type": question}}
    settings = tmp_path / "s.yaml"
    settings.write_text(json.dumps({"terminology_server": server}))
    monkeypatch.setenv("MEDIE_CONFIG", str(settings))
    return terminology


def test_what_no_row_knows_is_asked_of_the_terminology_server_on_demand(asked) -> None:
    command = ["codes", "odd thing", "--field", "cancer_type"]
    assert RUNNER.invoke(app, command).output == "none: no row and no rule: it stays text\nkey: text|odd thing\n"
    assert asked.asked == []
    told = RUNNER.invoke(app, [*command, "--ask"]).output
    assert told.startswith("synonym: the terminology server says so\n")
    assert f"server: {asked.base_url}/ConceptMap/$translate urn:map\nkey: http://snomed.info/sct|1\n" in told
    answer = json.loads(RUNNER.invoke(app, [*command, "--ask", "--json"]).output)
    assert (answer["match"], answer["place"]) == ("synonym", None)
    assert answer["codings"]["code"] == [{"system": "http://snomed.info/sct", "code": "1", "display": "Odd thing"}]


def test_what_a_row_knows_or_the_server_does_not_is_as_without_it(asked) -> None:
    known = ["codes", "melanoma", "--field", "cancer_type"]
    assert RUNNER.invoke(app, [*known, "--ask"]).output == RUNNER.invoke(app, known).output
    assert asked.asked == []
    unknown = RUNNER.invoke(app, ["codes", "odder thing", "--field", "cancer_type", "--ask"])
    assert unknown.output.startswith("none: ")
    assert asked.values == ["odder thing"]


def test_asking_needs_a_server() -> None:
    done = RUNNER.invoke(app, ["codes", "odd thing", "--field", "cancer_type", "--ask"])
    assert done.exit_code == 2
    assert "terminology_server.base_url" in done.output
