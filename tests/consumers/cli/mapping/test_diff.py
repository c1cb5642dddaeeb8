"""``medie-fhir mapping diff``: what an edit of a mapping would change in what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from consumers.cli.app import app
from medie_fhir.model import (
    Alignment,
    Assertion,
    DocumentInfo,
    Evidence,
    ExtractionRecord,
    Fact,
    Outcome,
    Produced,
)
from medie_fhir.shipped import shipped

LUNG, COLON, CHEMO = (
    ("cancer_type", "lung adenocarcinoma"),
    ("cancer_type", "colon cancer"),
    ("treatment", "carboplatin"),
)


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIE_CONFIG", raising=False)


def fact(field: str, value: str, assertion: str = "present", *, places: int = 1) -> Fact:
    evidence = tuple(Evidence(start=n, end=n + len(value), text=value) for n in range(places))
    return Fact(field=field, value=value, evidence=evidence, alignment=Alignment.EXACT, assertion=Assertion(assertion))


def line(document: str, *facts: Fact) -> str:
    return ExtractionRecord(
        document=DocumentInfo(reference=f"DocumentReference/{document}", subject={"reference": "Patient/p"}),
        produced=Produced(at="2026-01-02T10:00:00Z", software="s", task="oncology@1", task_digest="d", model="m"),
        outcome=Outcome.EXTRACTED,
        facts=facts,
    ).to_json()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Three documents; the second's carboplatin is planned, the third's lung cancer stands at two places."""
    file = tmp_path / "records.ndjson"
    lines = (
        line("a", fact(*LUNG), fact(*CHEMO)),
        line("b", fact(*COLON), fact(*CHEMO, "planned")),
        line("c", fact(*LUNG, places=2)),
    )
    file.write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    return file


@pytest.fixture
def edited(tmp_path: Path) -> Any:
    """The default mapping with one text in the place of another, as a file."""

    def edit(old: str, new: str) -> str:
        text = shipped("mappings", "default.yaml").read_text(encoding="utf-8")
        assert old in text
        (tmp_path / "mine.yaml").write_text(text.replace(old, new), encoding="utf-8")
        return str(tmp_path / "mine.yaml")

    return edit


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["mapping", "diff", *map(str, arguments)])


def told(*arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    return found


def counts(found: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(c["change"], c["field"]): c["resources"] for c in found["counts"]}


def test_a_mapping_and_itself_differ_in_nothing(store: Path) -> None:
    done = run("default", "default", "--on", store, "--fail-on-change", "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["records"], found["differing"], found["samples"], found["elements"]) == (3, 0, [], [])
    assert {change for change, _ in counts(found)} == {"unchanged"}


def test_an_edited_code_is_told_to_the_element_with_both_values(store: Path, edited: Any) -> None:
    found = told("default", edited('"372087000"', '"1234567890"'), "--on", store, "--samples", "1")
    assert counts(found) == {("changed", "cancer_type"): 3, ("unchanged", "treatment"): 1}
    assert [(e["path"], e["resources"]) for e in found["elements"]] == [("Condition.category.coding.code", 3)]
    [sample] = found["samples"]
    assert sample["document"] == "DocumentReference/a"
    path = "Condition.category[1].coding[0].code"
    assert sample["elements"] == [{"path": path, "old": "372087000", "new": "1234567890"}]


def test_a_policy_that_takes_more_adds_and_the_other_way_round_retracts(store: Path, edited: Any) -> None:
    was = "treatment: { assertions: [present, historical]"
    mine = edited(was, "treatment: { assertions: [present, historical, planned]")
    added = told("default", mine, "--on", store)
    assert counts(added)["added", "treatment"] == 1
    assert added["samples"][0]["resource"]["valueCodeableConcept"]["text"] == "carboplatin"
    assert counts(told(mine, "default", "--on", store))["retracted", "treatment"] == 1


def test_people_see_a_table_and_samples(store: Path, edited: Any) -> None:
    done = run("default", edited("text: Cancer treatment", "text: Therapy"), "--on", store, "--fail-on-change")
    assert done.exit_code == 1
    assert "documents 3, of which 1 differ" in done.stdout
    assert '- "Cancer treatment"' in done.stdout
    assert '+ "Therapy"' in done.stdout
    assert "Observation.code.text" in done.stdout
    assert "records.ndjson" in done.stderr


def test_people_see_of_what_comes_and_goes_what_the_mapping_says_line_by_line(store: Path, edited: Any) -> None:
    was = "treatment: { assertions: [present, historical]"
    mine = edited(was, "treatment: { assertions: [present, historical, planned]")
    shown = run("default", mine, "--on", store).stdout.splitlines()
    assert '    + status: "preliminary"' in shown
    assert '    + subject: {"reference": "Patient/p"}' in shown
    assert not any("derivation-reference" in line or "AIAST" in line for line in shown)


def test_a_note_that_the_new_mapping_fails_on_is_named_and_the_others_are_compared(store: Path, edited: Any) -> None:
    mine = edited(
        "recordedDate: ",
        'language: en\n      onsetDateTime: "{{ %fact.evidence.where(start = 1).text }}"\n      recordedDate: ',
    )
    done = run("default", mine, "--on", store, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert found["failed"] == {"old": 0, "new": 1}
    [failure] = found["failures"]
    assert (failure["document"], failure["side"]) == ("DocumentReference/c", "new")
    assert "mine.yaml:" in failure["error"]
    assert (found["records"], found["differing"]) == (2, 2)


def test_only_so_many_documents_are_read_and_broken_lines_are_counted_where_asked(store: Path) -> None:
    store.write_text("{}\n" + store.read_text(encoding="utf-8"), encoding="utf-8")
    refused = run("default", "default", "--on", store)
    assert refused.exit_code == 1
    assert "records.ndjson:1" in str(refused.exception)
    done = run("default", "default", "--on", store, "--skip-broken", "--limit", "2", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["records"], found["broken"]) == (0, 2, 1)
    assert "records.ndjson:1" in done.stderr


def test_where_only_the_tables_differ_the_heads_say_so(store: Path, tmp_path: Path) -> None:
    rows = tmp_path / "site"
    rows.mkdir()
    source = (shipped("mappings", "terminology") / "cancers.csv").read_text(encoding="utf-8").splitlines()
    (rows / "cancers.csv").write_text("\n".join(source[:2]) + "\n", encoding="utf-8")
    settings = tmp_path / "new.yaml"
    settings.write_text(f"site_terminology: {rows}\n", encoding="utf-8")
    words = ("default", "default", "--on", store, "--new-config", settings)
    done, found = run(*words), told(*words)
    assert done.exit_code == 0, done.output
    heads = [line for line in done.stdout.splitlines() if line.startswith(("old ", "new "))]
    assert heads == [f"{side} {found[side]}, tables {found['tables'][side][:16]}" for side in ("old", "new")]
    assert found["old"] == found["new"]
    assert found["tables"]["old"] != found["tables"]["new"]
    assert ", tables" not in run("default", "default", "--on", store).stdout


def test_faults_of_a_mapping_are_told_with_their_places(store: Path, edited: Any) -> None:
    done = run("default", edited("field: response", "field: colour"), "--on", store)
    assert done.exit_code == 1
    assert "mine.yaml:" in done.stderr
    assert "colour" in done.stderr
