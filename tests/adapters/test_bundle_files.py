"""Transactions as files."""

from __future__ import annotations

import hashlib
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medie_fhir.adapters.bundle_files import BundleFiles
from medie_fhir.errors import ContentNotFound, FhirRejected, FhirUnavailable
from medie_fhir.model import Json

NAME = "Sophonisba"
WRITER = """
import asyncio, sys
from pathlib import Path
from medie_fhir.adapters.bundle_files import BundleFiles

async def main():
    files, number = BundleFiles(Path(sys.argv[1])), 0
    while True:
        patient = {"resourceType": "Patient", "id": f"p{number}", "name": [{"text": "x" * 50_000}]}
        entry = {"resource": patient, "request": {"method": "PUT", "url": f"Patient/p{number}"}}
        await files.transact({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
        print(f"p{number}", flush=True)
        number += 1

asyncio.run(main())
"""


def bundle(**more: object) -> Json:
    patient = {"resourceType": "Patient", "id": NAME, "name": [{"family": NAME}], **more}
    request = {"method": "PUT", "url": f"Patient/{NAME}"}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": patient, "request": request}]}


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name != ".lock")


def genders(folder: Path) -> list[str]:
    return [json.loads(file.read_bytes())["entry"][0]["resource"]["gender"] for file in files_in(folder)]


async def test_a_transaction_is_one_file_that_holds_it_whole(tmp_path: Path) -> None:
    response = await BundleFiles(tmp_path).transact(bundle())

    [file] = files_in(tmp_path)
    assert json.loads(file.read_text(encoding="utf-8")) == bundle()
    assert response["type"] == "transaction-response"
    assert [entry["response"]["status"] for entry in response["entry"]] == ["202 Accepted"]


async def test_a_files_name_tells_its_place_and_its_sum_and_nothing_of_the_patient(tmp_path: Path) -> None:
    await BundleFiles(tmp_path).transact(bundle())

    [file] = files_in(tmp_path)
    found = re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-([0-9a-f]{64})\.json", file.name)
    assert found is not None
    assert found[1] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert file.stat().st_mode & 0o777 == 0o640


async def test_the_names_sorted_are_the_order_of_writing_over_restarts_and_when_an_old_bundle_comes_again(
    tmp_path: Path,
) -> None:
    order = ["male", "female", "other", "male", "unknown"]

    for gender in order:
        files = BundleFiles(tmp_path)
        await files.transact(bundle(gender=gender))
        await files.aclose()

    assert genders(tmp_path) == order


async def test_a_clock_that_was_set_back_keeps_the_order(tmp_path: Path) -> None:
    (tmp_path / "29990101T000000.000000Z-of-another-time.json").write_text(json.dumps(bundle(gender="male")))

    await BundleFiles(tmp_path).transact(bundle(gender="female"))

    assert genders(tmp_path) == ["male", "female"]


@pytest.mark.parametrize("wrong", [{}, {"resourceType": "Patient"}, {"resourceType": "Bundle", "type": "collection"}])
async def test_what_is_no_transaction_is_refused(tmp_path: Path, wrong: Json) -> None:
    with pytest.raises(FhirRejected):
        await BundleFiles(tmp_path).transact(wrong)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("unheard_of", [float("nan"), "half a \ud83d pair", {1, 2}])
async def test_what_json_can_not_hold_is_refused(tmp_path: Path, unheard_of: object) -> None:
    with pytest.raises(FhirRejected, match="not written"):
        await BundleFiles(tmp_path).transact(bundle(text=unheard_of))
    assert files_in(tmp_path) == []


async def test_a_folder_that_goes_away_is_waited_for_and_not_made_anew(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    files = BundleFiles(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")

    with pytest.raises(FhirUnavailable, match="No such file or directory"):
        await files.transact(bundle())

    (tmp_path / "out").mkdir()
    await files.transact(bundle())
    assert len(files_in(tmp_path / "out")) == 1


async def test_what_can_not_be_written_whole_leaves_nothing_and_can_be_written_later(tmp_path: Path) -> None:
    files = BundleFiles(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(FhirUnavailable, match="File too large; see to the folder"):
            await files.transact(bundle(text="x" * 1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files_in(tmp_path) == []

    await files.transact(bundle(text="x" * 1000))
    assert len(files_in(tmp_path)) == 1


def test_a_writer_that_is_killed_leaves_whole_files_and_all_that_it_said_were_written(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().strip() for _ in range(5)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read().split()

    read = [json.loads(file.read_bytes()) for file in sorted(tmp_path.glob("*.json"))]
    ids = [bundle["entry"][0]["resource"]["id"] for bundle in read]
    assert ids[: len(said)] == said
    assert len(ids) <= len(said) + 1


async def test_it_answers_as_a_server_without_resources(tmp_path: Path) -> None:
    files = BundleFiles(tmp_path)
    await files.transact(bundle())

    assert await files.read("Patient", NAME) is None
    assert await files.search("Patient", {"_id": NAME}) == []
    assert await files.history("Patient", NAME) == []
    with pytest.raises(ContentNotFound):
        await files.content("Binary/1")


async def test_its_capabilities_are_updates_that_create_in_transactions(tmp_path: Path) -> None:
    [rest] = (await BundleFiles(tmp_path).capabilities())["rest"]

    assert rest["interaction"] == [{"code": "transaction"}]
    assert {"type": "Condition", "interaction": [{"code": "update"}], "updateCreate": True} in rest["resource"]
