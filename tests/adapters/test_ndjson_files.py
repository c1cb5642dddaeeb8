"""Resources as NDJSON, in batches that an importer sees whole or not at all."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from medie_fhir.adapters.ndjson_files import NdjsonFiles
from medie_fhir.errors import FhirRejected, FhirUnavailable
from medie_fhir.model import Json

WRITER = """
import asyncio, sys
from pathlib import Path
from medie_fhir.adapters.ndjson_files import NdjsonFiles

async def main():
    files, number = NdjsonFiles(Path(sys.argv[1]), max_bytes=300_000), 0
    while True:
        parts = [{"resourceType": t, "id": f"{t}-{number}", "note": "x" * 20_000} for t in ("Condition", "Observation")]
        requests = [{"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"} for r in parts]
        entries = [{"resource": r, "request": q} for r, q in zip(parts, requests)]
        await files.transact({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""


def put(kind: str, id_: str, **more: Any) -> Json:
    made = {"resourceType": kind, "id": id_, **more}
    return {"resource": made, "request": {"method": "PUT", "url": f"{kind}/{id_}"}}


def bundle(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def finished(folder: Path) -> list[Path]:
    """What an importer sees, in its order."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def hidden(folder: Path) -> list[Path]:
    return list(folder.glob(".*.part"))


def half_made(folder: Path) -> list[Path]:
    return list(folder.glob(".*Z"))


def resources(batch: Path) -> list[Json]:
    """All resources of a batch in the manifest's order, with all that the manifest says of them checked."""
    manifest = json.loads((batch / "manifest.json").read_bytes())
    found: list[Json] = []
    for file in manifest["output"]:
        data = (batch / file["url"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == file["sha256"]
        assert data.endswith(b"\n")
        lines = [json.loads(line) for line in data.split(b"\n")[:-1]]
        assert (len(lines), {line["resourceType"] for line in lines}) == (file["count"], {file["type"]})
        found += lines
    assert {f["url"] for f in manifest["output"]} | {"manifest.json"} == {path.name for path in batch.iterdir()}
    return found


async def test_nothing_is_seen_until_the_batch_is_closed_and_then_all_of_it(tmp_path: Path) -> None:
    files = NdjsonFiles(tmp_path)
    await files.transact(bundle(put("Provenance", "p"), put("Condition", "c"), put("DocumentReference", "d")))
    await files.transact(bundle(put("Condition", "c2", text="Größe\u2028\n≥ 3")))
    assert finished(tmp_path) == []

    await files.aclose()

    [batch] = finished(tmp_path)
    kinds = [(r["resourceType"], r["id"]) for r in resources(batch)]
    assert kinds == [("DocumentReference", "d"), ("Condition", "c"), ("Condition", "c2"), ("Provenance", "p")]
    assert resources(batch)[2]["text"] == "Größe\u2028\n≥ 3"
    assert not (batch / "Condition.ndjson").read_bytes().startswith(b"\xef\xbb\xbf")


async def test_others_can_read_nothing_and_the_group_only_what_is_finished(tmp_path: Path) -> None:
    files = NdjsonFiles(tmp_path)
    await files.transact(bundle(put("Condition", "c")))
    [journal] = hidden(tmp_path)
    assert journal.stat().st_mode & 0o777 == 0o600

    await files.aclose()

    [batch] = finished(tmp_path)
    assert batch.stat().st_mode & 0o777 == 0o750
    assert {path.stat().st_mode & 0o777 for path in batch.iterdir()} == {0o640}


async def test_within_a_batch_a_resource_stands_once_as_it_was_last_written(tmp_path: Path) -> None:
    files = NdjsonFiles(tmp_path)
    for status in ("preliminary", "final", "entered-in-error"):
        await files.transact(bundle(put("Observation", "o", status=status)))
    await files.aclose()

    [batch] = finished(tmp_path)
    assert [r["status"] for r in resources(batch)] == ["entered-in-error"]
    assert json.loads((batch / "manifest.json").read_bytes())["transactions"] == 3


async def test_a_batch_is_finished_when_it_is_large_and_the_next_comes_after_it(tmp_path: Path) -> None:
    files = NdjsonFiles(tmp_path, max_bytes=1000)
    for number in range(5):
        await files.transact(bundle(put("Condition", f"c{number}", note="x" * 400)))
    assert [len(resources(batch)) for batch in finished(tmp_path)] == [2, 2]
    await files.aclose()

    assert [r["id"] for b in finished(tmp_path) for r in resources(b)] == [f"c{number}" for number in range(5)]


async def test_a_batch_is_finished_when_it_is_old_though_nothing_more_comes(tmp_path: Path) -> None:
    files = NdjsonFiles(tmp_path, max_age_s=0.05)
    await files.transact(bundle(put("Condition", "c")))
    assert files._due is not None
    await files._due

    [batch] = finished(tmp_path)
    assert [r["id"] for r in resources(batch)] == ["c"]
    await files.transact(bundle(put("Condition", "c2")))
    await files._due
    await files.aclose()
    assert [r["id"] for b in finished(tmp_path) for r in resources(b)] == ["c", "c2"]


async def test_one_that_was_never_written_to_leaves_no_batch(tmp_path: Path) -> None:
    await NdjsonFiles(tmp_path).aclose()

    assert finished(tmp_path) == []


def test_a_writer_that_is_killed_loses_nothing_that_it_said_was_written(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().strip() for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read().split()
    seen_before = finished(tmp_path)
    for batch in seen_before:
        assert resources(batch)

    NdjsonFiles(tmp_path)  # the next start

    assert finished(tmp_path)[: len(seen_before)] == seen_before
    assert hidden(tmp_path) == []
    written = {r["id"] for batch in finished(tmp_path) for r in resources(batch)}
    whole = {f"{kind}-{number}" for kind in ("Condition", "Observation") for number in said}
    assert whole <= written
    assert {id_.replace("Condition", "Observation") for id_ in written if "Condition" in id_} == {
        id_ for id_ in written if "Observation" in id_
    }


async def test_a_batch_that_was_half_made_when_the_process_was_killed_is_made_anew(tmp_path: Path) -> None:
    files = NdjsonFiles(tmp_path)
    await files.transact(bundle(put("Condition", "c")))
    files._batches.finish = lambda journal: False  # type: ignore[method-assign]
    await files.aclose()
    half = tmp_path / ".20260101T000000.000000Z"
    half.mkdir()
    (half / "Condition.ndjson").write_text('{"half":', encoding="utf-8")

    await NdjsonFiles(tmp_path).aclose()

    [batch] = finished(tmp_path)
    assert [r["id"] for r in resources(batch)] == ["c"]
    assert not half.exists()


async def test_what_can_not_be_written_whole_is_cut_off_and_can_be_written_later(tmp_path: Path) -> None:
    files = NdjsonFiles(tmp_path)
    await files.transact(bundle(put("Condition", "first")))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        with pytest.raises(FhirUnavailable, match="File too large; see to the output folder"):
            await files.transact(bundle(put("Condition", "large", note="x" * 1000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    await files.transact(bundle(put("Condition", "small")))
    await files.aclose()

    [batch] = finished(tmp_path)
    assert [r["id"] for r in resources(batch)] == ["first", "small"]


async def test_a_batch_that_can_not_be_finished_now_is_finished_later_with_all_that_came_meanwhile(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = NdjsonFiles(tmp_path, max_bytes=2000)
    for number in range(3):
        await files.transact(bundle(put("Condition", f"c{number}", note="x" * 400)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2400, before[1]))  # room for the journal, and for no larger file
    try:
        await files.transact(bundle(put("Condition", "c0", note="y" * 400), *[put("Condition", "d")] * 0))
        blocked = finished(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    await files.aclose()

    assert len(blocked) <= 1
    assert sorted({r["id"] for b in finished(tmp_path) for r in resources(b)}) == ["c0", "c1", "c2"]


async def test_an_attempt_to_finish_that_failed_leaves_no_half_batch_behind(tmp_path: Path) -> None:
    files = NdjsonFiles(tmp_path)
    await files.transact(bundle(put("Condition", "c", note="x" * 400)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        await files.aclose()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert half_made(tmp_path) == []
    assert len(hidden(tmp_path)) == 1


@pytest.mark.parametrize(
    "entry",
    [
        {"request": {"method": "DELETE", "url": "Condition/c"}},
        {"resource": {"resourceType": "Condition"}, "request": {"method": "POST", "url": "Condition"}},
        {"resource": {"resourceType": "Condition", "id": "c"}, "request": {"method": "PUT", "url": "Condition?x=y"}},
        put("Condition", "c", value=float("nan")),
    ],
)
async def test_what_ndjson_can_not_say_is_refused_and_nothing_of_it_is_written(tmp_path: Path, entry: Json) -> None:
    files = NdjsonFiles(tmp_path)
    with pytest.raises(FhirRejected):
        await files.transact(bundle(put("Condition", "good"), entry))
    await files.aclose()

    assert finished(tmp_path) == []
