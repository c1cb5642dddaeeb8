"""Files that remember: what they hold, imported in their order, is what would have been written to a server."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from medie_fhir.adapters.bundle_files import BundleFiles
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.ndjson_files import NdjsonFiles
from medie_fhir.adapters.shadow import Shadow
from medie_fhir.adapters.shadowed import Shadowed
from medie_fhir.configuration import Configuration
from medie_fhir.errors import FhirConflict, FhirUnavailable
from medie_fhir.model import Json, NoteEvent
from medie_fhir.ports import FhirServer
from medie_fhir.settings import FhirSettings, Settings
from medie_fhir.transaction import BASE, transaction
from medie_fhir.wiring import assemble_pipeline

LUNG, COLON = "Lung adenocarcinoma, stage IV.", "Colon adenocarcinoma, stage III."
SAID = {
    "Lung adenocarcinoma": {"cancer_type": "lung adenocarcinoma", "stage": "IV"},
    "Colon adenocarcinoma": {"cancer_type": "colon adenocarcinoma", "stage": "III"},
}
DOCUMENT = {"system": f"{BASE}/document", "value": "|DocumentReference/1"}

WRITER = """
import asyncio, sys
from pathlib import Path
from medie_fhir.adapters.bundle_files import BundleFiles
from medie_fhir.adapters.ndjson_files import NdjsonFiles
from medie_fhir.adapters.shadow import Shadow
from medie_fhir.adapters.shadowed import Shadowed
from medie_fhir.transaction import BASE, transaction

async def main(kind, folder):
    files = BundleFiles(folder / "out") if kind == "transaction" else NdjsonFiles(folder / "out", max_bytes=9000)
    target = Shadowed(files, Shadow(folder / "shadow"))

    async def document(lane):
        number = 0
        while True:
            key = {"system": f"{BASE}/document", "value": f"|DocumentReference/{lane}-{number}"}
            copy = {"resourceType": "DocumentReference", "id": f"{lane}-{number}", "identifier": [key]}
            await target.transact(transaction([copy, {"resourceType": "Condition", "id": f"{lane}-{number}"}]))
            print(f"{lane}-{number}", flush=True)
            number += 1

    await asyncio.gather(*map(document, "abcd"))

asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
"""


def said(number: int, **more: Any) -> Json:
    """A transaction about one document."""
    copy = {"resourceType": "DocumentReference", "id": "d", "identifier": [DOCUMENT]}
    return transaction([copy, {"resourceType": "Condition", "id": f"c{number}", **more}])


def bundles(folder: Path) -> list[Json]:
    return [json.loads(file.read_bytes()) for file in sorted(folder.glob("*.json"))]


def batches(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


async def imported_bundles(folder: Path, twin: FhirTwin) -> None:
    for bundle in bundles(folder):
        await twin.transact(bundle)


async def imported_ndjson(folder: Path, twin: FhirTwin) -> None:
    for batch in batches(folder):
        for file in json.loads((batch / "manifest.json").read_bytes())["output"]:
            lines = (batch / file["url"]).read_bytes().split(b"\n")[:-1]
            await twin.transact(transaction([json.loads(line) for line in lines]))


def what_holds(twin: FhirTwin) -> list[Json]:
    """All resources but for what is the server's own."""
    kept = [{**r, "meta": {k: r["meta"].get(k) for k in ("security", "tag", "profile")}} for r in twin.current()]
    return sorted(kept, key=lambda r: (r["resourceType"], r["id"]))


@pytest.fixture
def live(
    configuration: Configuration, model: Any, event: Callable[..., bytes], tmp_path: Path
) -> Callable[..., Awaitable[None]]:
    """A process that publishes one moment of a life, to a target that holds the patient or can't be asked for her."""
    model.script = SAID
    life = [event(LUNG), event(COLON, version="2"), event(LUNG, "d2"), event(COLON, version="3", status="superseded")]

    async def moment(number: int, target: FhirServer) -> None:
        aside = Settings(fhir=FhirSettings(bundles=tmp_path, shadow=tmp_path / "shadow"))
        settings = aside if isinstance(target, Shadowed) else Settings()
        pipeline = assemble_pipeline(settings, configuration, model=model, source=target, target=target)
        for each in await pipeline.events(life[number]):
            assert isinstance(each, NoteEvent)
            record = await pipeline.extract(each)
            produced = record.produced.model_copy(update={"at": f"2026-02-0{number + 1}T00:00:00Z"})
            await pipeline.publish(record.model_copy(update={"produced": produced}))

    return moment


@pytest.mark.parametrize("form", ["transaction", "ndjson"])
async def test_imported_in_order_they_make_what_a_server_would_have_been_told(
    tmp_path: Path, form: str, live: Callable[..., Awaitable[None]], twin: FhirTwin
) -> None:
    patient = transaction([{"resourceType": "Patient", "id": "p1"}])
    out = tmp_path / "out"
    out.mkdir()

    for number in [*range(4), *range(4)]:  # and again from the beginning, each time in a new process
        files = BundleFiles(out) if form == "transaction" else NdjsonFiles(out, max_bytes=5000)
        shadowed = Shadowed(files, Shadow(tmp_path / "shadow"))
        await live(number, shadowed)
        await shadowed.aclose()
    await twin.transact(patient)
    for number in range(4):
        await live(number, twin)

    with FhirTwin() as importer:
        await importer.transact(patient)
        await (imported_bundles if form == "transaction" else imported_ndjson)(out, importer)
        assert what_holds(importer) == what_holds(twin)
    assert any(r.get("status") == "entered-in-error" for r in what_holds(twin))


async def test_what_changes_nothing_is_not_written_again(tmp_path: Path) -> None:
    target = Shadowed(BundleFiles(tmp_path), Shadow(tmp_path / ".shadow"))
    await target.transact(said(1))
    response = await target.transact(said(1))

    assert len(bundles(tmp_path)) == 1
    assert [entry["response"]["status"] for entry in response["entry"]] == ["200 OK", "200 OK"]


async def test_a_device_is_said_again_by_each_process_that_asks(tmp_path: Path) -> None:
    target = Shadowed(BundleFiles(tmp_path), Shadow(tmp_path / ".shadow"))
    for _ in range(2):
        await target.transact(transaction([{"resourceType": "Device", "id": "x"}]))

    assert len(bundles(tmp_path)) == 2


async def test_a_condition_is_looked_at_and_not_written_out(tmp_path: Path) -> None:
    target = Shadowed(BundleFiles(tmp_path), Shadow(tmp_path / ".shadow"))
    guarded = said(1)
    guarded["entry"][0]["request"]["ifMatch"] = 'W/"0"'
    await target.transact(guarded)

    assert bundles(tmp_path) == [said(1)]
    with pytest.raises(FhirConflict):
        await target.transact({**guarded, "entry": [*guarded["entry"], *said(2)["entry"][1:]]})
    assert len(bundles(tmp_path)) == 1


async def test_what_could_not_be_written_is_not_remembered(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    target = Shadowed(BundleFiles(out), Shadow(tmp_path / "shadow"))
    shutil.rmtree(out)
    with pytest.raises(FhirUnavailable):
        await target.transact(said(1))
    assert await target.read("Condition", "c1") is None
    assert await target.history("Condition", "c1") == []

    out.mkdir()
    await target.transact(said(1))
    assert len(bundles(out)) == 1
    assert await target.history("Condition", "c1") == [await target.read("Condition", "c1")]


async def test_what_was_written_and_not_remembered_is_written_again(tmp_path: Path) -> None:
    files = BundleFiles(tmp_path)
    await files.transact(said(1))  # and killed here

    target = Shadowed(files, Shadow(tmp_path / ".shadow"))
    await target.transact(said(1))
    await target.transact(said(1))

    assert bundles(tmp_path) == [said(1), said(1)]


async def test_two_that_overwrite_the_same_are_never_both_written(tmp_path: Path) -> None:
    target = Shadowed(BundleFiles(tmp_path), Shadow(tmp_path / ".shadow"))
    both = [said(1), said(2)]
    for bundle in both:
        bundle["entry"][0]["request"]["ifMatch"] = 'W/"0"'

    done = await asyncio.gather(*(target.transact(bundle) for bundle in both), return_exceptions=True)

    assert sorted(type(one).__name__ for one in done) == ["FhirConflict", "dict"]
    assert len(bundles(tmp_path)) == 1


@pytest.mark.parametrize("form", ["transaction", "ndjson"])
def test_killed_at_any_moment_it_remembers_all_that_it_acknowledged_and_nothing_that_is_not_written(
    tmp_path: Path, form: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-c", WRITER, form, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().strip() for _ in range(25)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read().split()
    if form == "ndjson":
        NdjsonFiles(out)  # the next start
        files = [file for batch in batches(out) for file in batch.glob("*.ndjson")]
        written = {f"{r['resourceType']}/{r['id']}" for f in files for r in map(json.loads, f.read_text().splitlines())}
    else:
        written = {entry["request"]["url"] for bundle in bundles(out) for entry in bundle["entry"]}

    with closing(sqlite3.connect(tmp_path / "shadow")) as shadow:
        remembered = {place for (place,) in shadow.execute("SELECT place FROM resource")}
    acknowledged = {f"{kind}/{id_}" for kind in ("DocumentReference", "Condition") for id_ in said}
    assert acknowledged <= remembered <= written
