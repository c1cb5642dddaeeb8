"""The command, run as a user runs it: in a process of its own, from the installed package."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
NOTE = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. No liver metastases."


def document(**more: object) -> str:
    content = {"contentType": "text/plain", "data": base64.b64encode(NOTE.encode()).decode()}
    resource = {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": content}],
    }
    return json.dumps({k: v for k, v in (resource | more).items() if v is not None})


def test_help_names_every_command_and_the_exit_codes(run: Run) -> None:
    told = run("--help")
    assert told.returncode == 0
    for word in ("demo", "run", "extract", "inspect", "doctor", "models", "mapping", "3 a dependency is not reachable"):
        assert word in " ".join(told.stdout.split())


def test_the_default_mapping_is_ok(run: Run) -> None:
    told = run("mapping", "check")
    assert (told.returncode, told.stderr) == (0, "")
    assert "default@" in told.stdout


def test_a_broken_mapping_exits_1_with_every_fault_and_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nversion: x\ntask: oncology\npolicy: {}\ntemplates: []\n", encoding="utf-8"
    )
    told = run("mapping", "check", "mine.yaml")
    assert told.returncode == 1
    assert "mine.yaml:2:10: version" in told.stderr
    assert "mine.yaml:5:12: templates" in told.stderr


def test_wrong_use_and_wrong_settings_exit_2(run: Run) -> None:
    assert run("extract").returncode == 2
    assert run("no-such-command").returncode == 2
    told = run("inspect", "x.json", env={"MEDIE_LOOP__MAX_IN_FLIGHT": "many"})
    assert told.returncode == 2
    assert "loop.max_in_flight" in told.stderr
    assert "Traceback" not in told.stderr


def test_what_is_not_reachable_exits_3_with_one_line_a_check(run: Run) -> None:
    told = run(
        "doctor",
        "--json",
        env={
            "MEDIE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "MEDIE_FHIR__BASE_URL": "http://127.0.0.1:1/fhir",
            "MEDIE_FHIR__ATTEMPTS": "1",
            "MEDIE_FHIR__SOURCE_BASE_URL": "http://127.0.0.1:2/fhir",
            "MEDIE_MODEL__BASE_URL": "http://127.0.0.1:1/v1",
        },
    )
    assert told.returncode == 3
    checks = {line["check"]: line for line in map(json.loads, told.stdout.splitlines())}
    assert [name for name, line in checks.items() if line["ok"]] == ["mapping"]
    assert checks["fhir server"]["found"].startswith("FhirUnavailable")
    assert checks["source server"]["found"].startswith("FhirUnavailable")
    assert told.stderr == ""
    assert checks["model"]["found"].startswith("ModelUnavailable")
    assert checks["kafka"]["found"].startswith("BrokerUnavailable")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            document(),
            {
                "outcome": "note",
                "document": "DocumentReference/d1",
                "content_type": "text/plain",
                "characters": len(NOTE),
                "class": None,
            },
        ),
        (document(subject=None), {"outcome": "refused", "class": "NoSubject"}),
        (document(status="entered-in-error"), {"outcome": "retraction", "document": "DocumentReference/d1"}),
        (
            document(content=[{"attachment": {"contentType": "image/png", "data": "iVBORw0KGgo="}}]),
            {"outcome": "skipped", "reason": "image"},
        ),
        (
            document(content=[{"attachment": {"contentType": "text/plain", "data": "!"}}]),
            {"outcome": "refused", "class": "BrokenBase64"},
        ),
        (document(content=[{"attachment": {"contentType": "text/plain", "url": "Binary/1"}}]), {"outcome": "fetch"}),
        (
            document(content=[{"attachment": {"contentType": "text/plain", "url": "https://evil.example/1"}}]),
            {"outcome": "refused", "class": "ForbiddenUrl"},
        ),
        ('{"reference": "DocumentReference/7"}', {"outcome": "fetch", "document": "DocumentReference/7"}),
        ("not json", {"outcome": "refused", "class": "NotJson"}),
        ('{"resourceType": "Patient"}', {"outcome": "refused", "class": "UnknownEventShape"}),
    ],
)
def test_inspect_says_what_an_event_is(run: Run, tmp_path: Path, event: str, expected: dict[str, object]) -> None:
    (tmp_path / "event.json").write_text(event, encoding="utf-8")
    told = run("inspect", "event.json", "--json")
    assert told.returncode == 0, told.stderr
    (line,) = map(json.loads, told.stdout.splitlines())
    assert set(line) >= {"file", "outcome", "class", "document", "content_type", "characters", "sha256"}
    assert {k: line[k] for k in expected} == expected


def test_inspect_takes_the_headers_of_the_record(run: Run, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text("[]", encoding="utf-8")
    as_batch = run("inspect", "event.json", "--json", "--header", "content-type=application/cloudevents-batch+json")
    assert (as_batch.returncode, as_batch.stdout) == (0, "")
    (line,) = map(json.loads, run("inspect", "event.json", "--json").stdout.splitlines())
    assert line["class"] == "NotJson"
    assert run("inspect", "event.json", "--header", "content-type").returncode == 2


@pytest.mark.model
def test_extract_prints_every_value_with_evidence_that_stands_in_the_note(run: Run, tmp_path: Path) -> None:
    lines = [{"id": "a", "text": NOTE}, {"id": "b", "text": "Knee pain after a fall; no fracture."}]
    (tmp_path / "notes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    told = run("extract", "--jsonl", "notes.jsonl", "--json")
    assert told.returncode == 0, told.stderr
    lung, knee = map(json.loads, told.stdout.splitlines())
    facts = [v for values in lung["fields"].values() for v in values if v["fact"]]
    assert facts
    assert all(NOTE[e["start"] : e["end"]] == e["text"] for v in facts for e in v["evidence"])
    assert [v["value"].lower() for v in lung["fields"]["cancer_type"] if v["fact"]] == ["lung adenocarcinoma"]
    assert lung["fields"]["cancer_type"][0]["code"]["system"] == "http://snomed.info/sct"
    assert knee == {"id": "b", "fields": {field: [] for field in lung["fields"]}}


@pytest.mark.model
def test_extract_reads_standard_input_and_prints_a_bundle(run: Run) -> None:
    told = run("extract", "-", "--fhir", stdin=NOTE)
    assert told.returncode == 0, told.stderr
    bundle = json.loads(told.stdout)
    written = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle["entry"]}
    assert {"Condition", "Device", "DocumentReference", "Provenance"} == {name.split("/")[0] for name in written} - {
        "Observation"
    }
    named = set(re.findall(r'"reference": "((?!Patient/)[^"]+)"', told.stdout))
    assert named <= written  # but for the patient, nothing is asked of the server that it is posted to


def test_what_people_see_of_an_event_says_why_and_hides_nothing(run: Run, tmp_path: Path) -> None:
    identifier = [{"system": "urn:x", "value": "[/b]"}]
    (tmp_path / "note.json").write_text(document(id=None, identifier=identifier), encoding="utf-8")
    (tmp_path / "bad.json").write_text(document(subject=None), encoding="utf-8")
    told = run("inspect", "note.json", "bad.json")
    assert told.returncode == 0, told.stderr
    assert "urn:x|[/b]" in told.stdout
    assert f"{len(NOTE)} characters of text/plain" in told.stdout
    assert "NoSubject: subject is missing" in told.stdout


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "null",
        '{"id": "a"}',
        '{"id": "a", "text": null}',
        '{"id": {}, "text": "x"}',
        '{"id": "\\ud800", "text": "x"}',
        "[" * 100_000,
    ],
)
def test_a_line_that_is_no_note_is_wrong_use_and_named(run: Run, tmp_path: Path, line: str) -> None:
    (tmp_path / "notes.jsonl").write_text(f'{{"id": 1, "text": "x"}}\n{line}\n', encoding="utf-8")
    told = run("extract", "--jsonl", "notes.jsonl", "--json")
    assert (told.returncode, told.stdout) == (2, "")
    assert "notes.jsonl:2" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_subject_that_is_no_patient_is_wrong_use(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    assert run("extract", "note.txt", "--fhir", "--subject", "Group/1").returncode == 2


def test_a_terminal_that_lacks_a_character_gets_its_number(run: Run, tmp_path: Path) -> None:
    identifier = [{"system": "urn:x", "value": "Ω"}]
    (tmp_path / "note.json").write_text(document(id=None, identifier=identifier), encoding="utf-8")
    told = run("inspect", "note.json", env={"PYTHONIOENCODING": "latin-1"})
    assert (told.returncode, told.stderr) == (0, "")
    assert r"urn:x|\u03a9" in told.stdout
