"""Transactions as files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from medie_fhir.adapters.bundle_files import BundleFiles
from medie_fhir.errors import ContentNotFound, FhirRejected, FhirUnavailable
from medie_fhir.model import Json

NAME = "Sophonisba"


def bundle(**more: object) -> Json:
    patient = {"resourceType": "Patient", "id": NAME, "name": [{"family": NAME}], **more}
    request = {"method": "PUT", "url": f"Patient/{NAME}"}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": patient, "request": request}]}


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_a_transaction_is_one_file_that_holds_it_whole(tmp_path: Path) -> None:
    response = await BundleFiles(tmp_path / "out").transact(bundle())

    [file] = files_in(tmp_path / "out")
    assert json.loads(file.read_text(encoding="utf-8")) == bundle()
    assert response["type"] == "transaction-response"
    assert [entry["response"]["status"] for entry in response["entry"]] == ["202 Accepted"]


async def test_a_files_name_tells_nothing_of_the_patient_and_others_can_not_read_it(tmp_path: Path) -> None:
    await BundleFiles(tmp_path).transact(bundle())

    [file] = files_in(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{64}\.json", file.name)
    assert file.stat().st_mode & 0o007 == 0


async def test_the_same_bundle_is_the_same_file_and_another_is_another(tmp_path: Path) -> None:
    files = BundleFiles(tmp_path)

    for written in (bundle(gender="male"), dict(reversed(bundle(gender="male").items())), bundle(gender="female")):
        await files.transact(written)

    assert len(files_in(tmp_path)) == 2


@pytest.mark.parametrize("wrong", [{}, {"resourceType": "Patient"}, {"resourceType": "Bundle", "type": "collection"}])
async def test_what_is_no_transaction_is_refused(tmp_path: Path, wrong: Json) -> None:
    with pytest.raises(FhirRejected):
        await BundleFiles(tmp_path).transact(wrong)
    assert files_in(tmp_path) == []


async def test_what_json_can_not_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FhirRejected, match="not written"):
        await BundleFiles(tmp_path).transact(bundle(multipleBirthInteger=float("nan")))


async def test_a_folder_that_can_not_be_written_is_unavailable_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    with pytest.raises(FhirUnavailable, match="output folder"):
        await BundleFiles(tmp_path / "file" / "below").transact(bundle())


async def test_it_answers_as_a_server_without_resources(tmp_path: Path) -> None:
    files = BundleFiles(tmp_path)
    await files.transact(bundle())

    assert await files.read("Patient", NAME) is None
    assert await files.search("Patient", {"_id": NAME}) == []
    assert await files.history("Patient", NAME) == []
    with pytest.raises(ContentNotFound):
        await files.content("Binary/1")


async def test_its_capabilities_are_the_transaction_alone(tmp_path: Path) -> None:
    [rest] = (await BundleFiles(tmp_path).capabilities())["rest"]

    assert rest == {"mode": "server", "interaction": [{"code": "transaction"}]}
