"""``medie-fhir evaluate`` as a user runs it: read, saved, scored again, compared, held against a gate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Command = Callable[..., Result]


def test_a_run_is_scored_in_every_row(command: Command, gold: Path, saved: Path) -> None:
    view = json.loads(command(gold, "--run", saved, "--json", "--errors", "9").stdout)
    assert (view["notes"], view["run"]["readers"], view["run"]["model"]) == (2, ["lexicon"], "none")
    assert view["fields"]["cancer_type"]["f1"] == 1
    assert (view["fields"]["metastasis_site"]["gold"], view["fields"]["metastasis_site"]["found"]) == (2, 1)
    assert view["negatives"] == {"notes": 1, "clean": 1, "invented": 0, "unclean": 0}
    assert view["readers"].keys() == {"lexicon"}
    assert view["readers"]["lexicon"]["saw"]["traps"]["negated_metastasis"]["caught_values"] == 1
    assert view["readers"]["lexicon"]["written"]["traps"]["negated_metastasis"]["caught_values"] == 0
    assert view["note_types"].keys() == {"consult", "letter"}
    assert view["cost"]["failed"] == 0
    assert view["errors"] == [["lung", "metastasis_site", "missed", "peritoneum"]]


def test_people_are_shown_tables(command: Command, gold: Path, saved: Path) -> None:
    told = command(gold, "--run", saved)
    for title in ("2 notes", "By field", "By reader", "By note type", "Traps"):
        assert title in told.stdout
    assert "peritoneum" not in told.stdout + told.stderr


def test_a_run_that_is_compared_with_itself_does_not_differ(command: Command, gold: Path, saved: Path) -> None:
    compared = json.loads(command(gold, "--run", saved, "--compare", saved, "--json").stdout)["compared"]
    assert compared["differs_in"] == []
    assert all((one["value"], one["real"]) == (0, False) for one in compared["difference"].values())


def test_a_gate_decides_the_exit_code(command: Command, gold: Path, saved: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate.yaml"
    gate.write_text("negatives.unclean: { max: 0 }\nfields.cancer_type.f1: { min: 1 }\n")
    passed = command(gold, "--run", saved, "--gate", gate, "--json")
    assert (passed.exit_code, json.loads(passed.stdout)["gate"]) == (0, {"passed": True, "fails": []})
    gate.write_text("recall: { min: 0.9 }\n")
    failed = command(gold, "--run", saved, "--gate", gate)
    assert failed.exit_code == 1
    assert "below the gate: recall: 0.6667 (min 0.9)" in failed.stderr


def test_the_report_holds_the_notes_and_is_its_owners_alone(
    command: Command, gold: Path, saved: Path, tmp_path: Path
) -> None:
    html = tmp_path / "report.html"
    assert command(gold, "--run", saved, "--html", html).exit_code == 0
    assert html.stat().st_mode & 0o077 == 0
    assert '<mark class="right" title="cancer_type: Lung adenocarcinoma (right)">' in html.read_text(encoding="utf-8")


def test_a_run_that_was_cut_off_goes_on(command: Command, gold: Path, saved: Path) -> None:
    lines = saved.read_bytes().splitlines(keepends=True)
    saved.write_bytes(b"".join(lines[:2]) + lines[2][:20])
    told = command(gold, "--readers", "lexicon", "--save", saved, "--json")
    assert told.exit_code == 0, told.stderr
    assert json.loads(told.stdout)["notes"] == 2
    again = saved.read_bytes().splitlines(keepends=True)
    assert again[:2] == lines[:2]
    assert [json.loads(line)["id"] for line in again[1:]] == ["lung", "knee"]


def test_a_run_of_other_readers_is_not_gone_on_with(command: Command, gold: Path, saved: Path) -> None:
    before = saved.read_bytes()
    changed = saved.read_text().replace('"readers":["lexicon"]', '"readers":["model"]')
    saved.write_text(changed)
    told = command(gold, "--readers", "lexicon", "--save", saved)
    assert told.exit_code == 2
    assert "another readers" in " ".join(told.stderr.split())
    assert saved.read_text() == changed != before.decode()


def test_notes_that_a_run_does_not_hold_are_told_and_not_scored(command: Command, gold: Path, tmp_path: Path) -> None:
    run = tmp_path / "one.ndjson"
    command(gold, "--readers", "lexicon", "--limit", "1", "--save", run)
    told = command(gold, "--run", run, "--json")
    assert json.loads(told.stdout)["notes"] == 1
    assert "only 1 of 2 notes" in told.stderr


def test_a_note_that_can_not_be_read_is_told_by_its_id_and_counts_as_empty(
    command: Command, gold: Path, tmp_path: Path
) -> None:
    gold.write_text(gold.read_text() + '{"id": "broken", "text": "Jane\\u0000Roe", "gold": {"stage": ["IV"]}}\n')
    told = command(gold, "--readers", "lexicon", "--json")
    view = json.loads(told.stdout)
    assert (view["notes"], view["cost"]["failed"], view["fields"]["stage"]["found"]) == (3, 1, 0)
    assert "broken" in told.stderr
    assert "Roe" not in told.stderr


@pytest.mark.parametrize(
    "options", [["--run", "r", "--save", "s"], ["--run", "r", "--readers", "model"], ["--run", "none"]]
)
def test_wrong_use_is_told(command: Command, gold: Path, options: list[str]) -> None:
    assert command(gold, *options).exit_code == 2


def test_gold_of_a_field_that_the_task_does_not_have_is_told(command: Command, tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"id": "a", "text": "Lung cancer.", "gold": {"cancertype": ["Lung cancer"]}}\n')
    told = command(gold, "--readers", "lexicon")
    assert told.exit_code == 2
    assert "cancertype" in told.stderr
    assert "cancer_type" in told.stderr
    assert "Lung" not in told.stderr
