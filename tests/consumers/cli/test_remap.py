"""``medie-fhir remap`` as an operator runs it: records in a file, FHIR over HTTP, a kill in between."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from consumers.cli.app import app
from consumers.cli.remap_views import failures, line
from consumers.kept_records import keep
from consumers.remap import Failed
from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer
from medie_fhir.model import ExtractionRecord, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.shipped import shipped
from medie_fhir.transaction import transaction

COMMAND = [sys.executable, "-c", "from consumers.cli import main; main()", "remap"]
NOTES = 12
Event = Callable[..., bytes]


@pytest.fixture
async def records(pipeline: Pipeline, model: Any, event: Event, tmp_path: Path) -> Path:
    model.script = {"Lung": {"cancer_type": "lung adenocarcinoma", "stage": "IV"}}
    made = []
    for number in range(NOTES):
        (note,) = await pipeline.events(event("Lung adenocarcinoma, stage IV.", f"d{number}"))
        assert isinstance(note, NoteEvent)
        made.append((await pipeline.extract(note)).to_json())
    path = tmp_path / "records.ndjson"
    path.write_text("\n".join(made), encoding="utf-8")
    return path


@pytest.fixture
def served() -> Iterator[FhirTwin]:
    with FhirTwin() as twin:
        asyncio.run(twin.transact(transaction([{"resourceType": "Patient", "id": "p1"}])))
        yield twin


def environment(server: FhirTwinServer) -> dict[str, str]:
    return {**os.environ, "MEDIE_FHIR__BASE_URL": server.base_url}


def run(server: FhirTwinServer, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], env=environment(server), capture_output=True, text=True, timeout=300, check=False
    )


def test_dry_then_written_then_nothing_left_and_the_report_is_the_same(records: Path, served: FhirTwin) -> None:
    with FhirTwinServer(served) as server:
        before = served.count_versions()
        dry = run(server, "--on", str(records), "--json")
        assert served.count_versions() == before
        written = run(server, "--on", str(records), "--write", "--json")
        after = served.count_versions()
        again = run(server, "--on", str(records), "--write")
    assert (dry.returncode, written.returncode, again.returncode) == (0, 0, 0), dry.stderr + written.stderr
    told, done = json.loads(dry.stdout), json.loads(written.stdout)
    assert (told["written"], done["written"]) == (False, True)
    assert told["resources"] == done["resources"] == {"cancer_type": {"created": NOTES}, "stage": {"created": NOTES}}
    assert after > before
    assert served.count_versions() == after
    assert f"documents: {NOTES} ({NOTES} unchanged)" in again.stdout


def test_killed_in_between_it_goes_on_where_it_was(records: Path, served: FhirTwin, tmp_path: Path) -> None:
    state, reached = tmp_path / "state.json", threading.Event()

    def count(request: Any) -> None:
        if request.method == "POST" and len(served.current("DocumentReference")) >= NOTES // 2:
            reached.set()

    words = ["--on", str(records), "--write", "--state", str(state), "--json"]
    with FhirTwinServer(served, fault=count) as server:
        process = subprocess.Popen(
            [*COMMAND, *words, "--rate", "10"],
            env=environment(server),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert reached.wait(120)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert "run it again to go on from here" in err
        first = json.loads(out)
        assert first["stopped"]
        assert 0 < sum(first["documents"].values()) < NOTES
        refused = run(server, *words, "--field", "stage")
        assert refused.returncode == 2
        assert "--restart" in refused.stderr
        rest = run(server, *words)
    assert rest.returncode == 0, rest.stderr
    assert json.loads(rest.stdout)["documents"] == {"written": NOTES}
    assert "going on after" in rest.stderr
    assert not state.exists()
    assert len(served.current("DocumentReference")) == NOTES


def test_a_document_that_fails_is_named_and_the_exit_code_is_1(records: Path) -> None:
    with FhirTwin() as nobody, FhirTwinServer(nobody) as server:
        failed = run(server, "--on", str(records), "--document", "DocumentReference/d3")
    assert failed.returncode == 1, failed.stderr
    assert "failed: DocumentReference/d3: SubjectMissing" in failed.stdout


def test_a_dry_run_finds_the_same_as_writing_would_where_the_mapping_names_what_the_server_lacks(
    records: Path, served: FhirTwin, tmp_path: Path
) -> None:
    default = shipped("mappings", "default.yaml").read_text(encoding="utf-8")
    old = "      resourceType: Observation\n"
    assert old in default
    mapping = tmp_path / "ours.yaml"
    ours = f"{old}      performer: [{{ reference: Organization/our-hospital }}]\n"
    mapping.write_text(default.replace(old, ours), encoding="utf-8")
    words = ["--on", str(records), "--mapping", str(mapping)]
    with FhirTwinServer(served) as server:
        shown = run(server, *words)
        dry, written = (json.loads(run(server, *words, *more, "--json").stdout) for more in ([], ["--write"]))
        asyncio.run(served.transact(transaction([{"resourceType": "Organization", "id": "our-hospital"}])))
        mended = run(server, *words, "--json")
    assert dry["documents"] == written["documents"] == {"failed": NOTES}
    assert shown.returncode == 1
    told = [line for line in shown.stdout.splitlines() if line.startswith("failed: ")]
    assert len(told) == 1
    assert f"failed: {NOTES} documents (DocumentReference/d0, " in told[0]
    assert "FhirRejected: would be refused, missing Organization/our-hospital" in told[0]
    assert json.loads(mended.stdout)["documents"] == {"written": NOTES}


def test_failures_are_told_by_reason_with_the_first_documents_and_one_alone_by_its_name() -> None:
    many = [Failed(f"DocumentReference/d{n}", "FhirRejected", "no") for n in range(7)]
    one = Failed("DocumentReference/x", "SubjectMissing", "nobody")
    first = ", ".join(f"DocumentReference/d{n}" for n in range(5))
    assert failures([one, *many]) == [
        f"7 documents ({first}, …): FhirRejected: no",
        "DocumentReference/x: SubjectMissing: nobody",
    ]
    assert failures(many[:5]) == [f"5 documents ({first}): FhirRejected: no"]


def test_each_day_filter_says_which_side_it_is() -> None:
    (command,) = [c for c in app.registered_commands if c.callback and c.callback.__name__ == "remap"]
    options = get_type_hints(command.callback, include_extras=True)
    since, until = (options[name].__metadata__[0].help for name in ("since", "until"))
    assert (since, until) == ("Only notes of this day, or later.", "Only notes of this day, or earlier.")


def test_what_is_no_record_stops_it_or_is_passed_over_and_counted(records: Path, served: FhirTwin) -> None:
    records.write_text(records.read_text(encoding="utf-8") + '\n{"id": "x", "fields": {}}\n', encoding="utf-8")
    with FhirTwinServer(served) as server:
        stopped = run(server, "--on", str(records), "--json")
        passed = run(server, "--on", str(records), "--skip-broken", "--json")
    assert (stopped.returncode, passed.returncode) == (1, 0), stopped.stderr + passed.stderr
    told = json.loads(passed.stdout)
    assert (told["documents"], told["broken"]) == ({"written": NOTES}, 1)
    assert f"records.ndjson:{NOTES + 1}: not an extraction record" in passed.stderr
    assert "passed over, for they are no records: 1" in passed.stderr


NOWHERE = {"MEDIE_FHIR__BASE_URL": "http://127.0.0.1:1/fhir", "MEDIE_FHIR__ATTEMPTS": "1"}


def test_a_dry_run_without_a_server_ends_in_seconds_and_says_which_and_what_to_do(records: Path) -> None:
    words = [*COMMAND, "--on", str(records), "--patience", "0.5"]
    env = {**os.environ, **NOWHERE}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    told = done.stderr.splitlines()
    assert told[0] == "the FHIR server http://127.0.0.1:1/fhir gives no answer: waiting 0.5 s at most"
    assert told[-1].startswith("medie-fhir: FhirUnavailable: the FHIR server http://127.0.0.1:1/fhir gave no answer")
    assert "fhir.base_url" in told[-1]


def test_a_writing_one_waits_visibly_until_the_server_answers(records: Path, served: FhirTwin) -> None:
    answers = threading.Event()

    def away(request: Any) -> Answer | None:
        del request
        return None if answers.is_set() else Answer(503)

    with FhirTwinServer(served, fault=away) as server:
        words = [*COMMAND, "--on", str(records), "--write"]
        env = {**environment(server), "MEDIE_FHIR__ATTEMPTS": "1"}
        with subprocess.Popen(words, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            first = process.stderr.readline()
            answers.set()
            out, rest = process.communicate(timeout=100)
    assert first == f"the FHIR server {server.base_url} gives no answer: waiting until it does; Ctrl-C ends it\n"
    assert "answers again" in rest
    assert (process.returncode, f"documents: {NOTES} ({NOTES} written)" in out) == (0, True), rest


def test_on_a_store_with_its_records_beside_it_that_store_is_what_is_asked_and_written(
    records: Path, tmp_path: Path
) -> None:
    store, env = tmp_path / "fhir.sqlite", {**os.environ, **NOWHERE}
    with FhirTwin(store) as twin:
        asyncio.run(twin.transact(transaction([{"resourceType": "Patient", "id": "p1"}])))
    keep(store, records.read_bytes().splitlines())

    def on_store(*more: str) -> dict[str, Any]:
        words = [*COMMAND, "--on", str(store), "--json", *more]
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told["documents"]

    assert (on_store(), on_store("--write"), on_store()) == (
        {"written": NOTES},
        {"written": NOTES},
        {"unchanged": NOTES},
    )


def test_a_field_that_the_task_lacks_and_a_target_that_tells_nothing_are_wrong_use(
    records: Path, served: FhirTwin, tmp_path: Path
) -> None:
    with FhirTwinServer(served) as server:
        unknown = run(server, "--on", str(records), "--field", "colour")
        os.environ["MEDIE_FHIR__BUNDLES"] = str(tmp_path / "out")
        try:
            blind = run(server, "--on", str(records))
        finally:
            del os.environ["MEDIE_FHIR__BUNDLES"]
    assert (unknown.returncode, blind.returncode) == (2, 2)
    assert "colour" in unknown.stderr
    assert "fhir.shadow" in blind.stderr


def test_what_a_routes_task_read_is_chosen_by_its_fields_and_written_by_its_mapping(
    records: Path, served: FhirTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = records.read_text(encoding="utf-8").splitlines()
    record = ExtractionRecord.of_json(first.encode())
    produced = record.produced.model_copy(update={"task": "cardiology@1"})
    fact = record.facts[0].model_copy(update={"field": "rhythm", "value": "atrial fibrillation"})
    both = record.read_also([record.model_copy(update={"produced": produced, "facts": (fact,)})])
    records.write_text("\n".join([both.to_json(), *others]), encoding="utf-8")
    route = {"task": "cardiology", "mapping": "cardiology", "model": "heart", "also": True}
    monkeypatch.setenv("MEDIE_ROUTES", json.dumps([route]))
    monkeypatch.setenv("MEDIE_MODEL__BASE_URL", "http://127.0.0.1:9/v1")
    with FhirTwinServer(served) as server:
        done = run(server, "--on", str(records), "--field", "rhythm", "--write", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["resources"] == {name: {"created": 1} for name in ("cancer_type", "stage", "rhythm")}


def test_filters_that_could_let_nothing_through_are_wrong_use_and_those_that_do_say_so(
    records: Path, served: FhirTwin
) -> None:
    with FhirTwinServer(served) as server:
        bare = run(server, "--on", str(records), "--patient", "p1")
        days = run(server, "--on", str(records), "--since", "2026-01-02", "--until", "2026-01-01")
        nobody = run(server, "--on", str(records), "--patient", "Patient/another")
    assert [done.returncode for done in (bare, days, nobody)] == [2, 2, 0], bare.stderr + days.stderr + nobody.stderr
    assert "p1: write Patient/p1, or SYSTEM|VALUE" in bare.stderr
    assert "is before --since" in days.stderr
    assert f"of the {NOTES} that are stored, none is what the filters let through" in nobody.stdout


def test_a_line_tells_how_far_how_fast_and_how_long() -> None:
    assert line(100, 400, 10.0) == "100 of 400 documents, 10.0/s, 30 s left"
    assert line(0, 0, 0.0) == "0 of 0 documents, 0.0/s"
