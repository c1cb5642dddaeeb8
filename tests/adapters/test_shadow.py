"""The memory of what was written: versions, conditions, and the ways to find a resource again."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.shadow import Shadow
from medie_fhir.errors import FhirConflict, FhirRejected, FhirUnavailable, SettingsError
from medie_fhir.model import Json
from medie_fhir.transaction import token


def put(kind: str, id_: str, if_match: str | None = None, **more: Any) -> Json:
    request = {"method": "PUT", "url": f"{kind}/{id_}"} | ({"ifMatch": if_match} if if_match else {})
    return {"resource": {"resourceType": kind, "id": id_, **more}, "request": request}


def bundle(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


@pytest.fixture(scope="module")
def one_shadow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shadow]:
    """One for many examples."""
    shadow = Shadow(tmp_path_factory.mktemp("shadow") / "shadow.sqlite")
    yield shadow
    shadow.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shadow.sqlite"


def test_what_was_kept_is_there_after_a_restart_and_for_the_owner_alone(path: Path) -> None:
    shadow = Shadow(path)
    shadow.keep(bundle(put("Condition", "c", code={"text": "Größe"})))
    shadow.close()

    found = Shadow(path).read("Condition", "c")

    assert found == {"resourceType": "Condition", "id": "c", "meta": {"versionId": "1"}, "code": {"text": "Größe"}}
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_a_kept_transaction_outlives_a_kill(path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from medie_fhir.adapters.shadow import Shadow;"
        "r = {'resourceType': 'Condition', 'id': 'c'}; q = {'method': 'PUT', 'url': 'Condition/c'};"
        "b = {'resourceType': 'Bundle', 'type': 'transaction', 'entry': [{'resource': r, 'request': q}]};"
        "Shadow(Path(sys.argv[1])).keep(b); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)

    assert killed.returncode == -9
    assert Shadow(path).read("Condition", "c") is not None


def test_only_what_changes_something_is_a_change_and_makes_a_version(path: Path) -> None:
    shadow = Shadow(path)
    first, second = bundle(put("Condition", "c", note=[{"text": "a"}])), bundle(put("Condition", "c"))

    assert shadow.changes(first)
    shadow.keep(first)
    assert not shadow.changes(first)
    shadow.keep(first)
    assert shadow.changes(second)
    shadow.keep(second)

    assert shadow.read("Condition", "c") == {"resourceType": "Condition", "id": "c", "meta": {"versionId": "2"}}


def test_a_condition_that_fails_is_a_conflict(path: Path) -> None:
    shadow = Shadow(path)
    assert shadow.changes(bundle(put("Condition", "c", 'W/"0"')))
    shadow.keep(bundle(put("Condition", "c", 'W/"0"')))

    with pytest.raises(FhirConflict):
        shadow.changes(bundle(put("Condition", "c", 'W/"0"', note=[{"text": "b"}])))
    assert shadow.changes(bundle(put("Condition", "c", 'W/"1"', note=[{"text": "b"}])))


def test_it_is_found_by_what_a_provenance_names_and_by_an_identifier(path: Path) -> None:
    shadow = Shadow(path)
    entity = [{"role": "source", "what": {"reference": "DocumentReference/d"}}]
    targets = [{"reference": "Condition/c"}, {"reference": "Condition/e"}]
    document = put("DocumentReference", "d", identifier=[{"system": "urn:a|b", "value": "1,2|3"}, {"value": "bare"}])
    meta = {"tag": [{"system": "urn:t", "code": "d"}]}
    shadow.keep(bundle(document, put("Provenance", "p", meta=meta, entity=entity, target=targets)))

    def found(kind: str, **params: str) -> list[str]:
        return [r["id"] for r in shadow.search(kind, params)]

    assert found("Provenance", entity="DocumentReference/d") == ["p"]
    assert found("Provenance", entity="Condition/d") == []
    assert found("Provenance", _tag="urn:t|d") == ["p"]
    assert found("Provenance", _tag="urn:x|d") == []
    assert found("Provenance", target="Condition/x,Condition/e") == ["p"]
    assert found("Provenance", target="Condition/e", entity="DocumentReference/other") == []
    assert found("DocumentReference", identifier=r"urn:a\|b|1\,2\|3") == ["d"]
    assert found("DocumentReference", identifier=r"1\,2\|3") == ["d"]
    assert found("DocumentReference", identifier="|bare") == ["d"]
    assert found("DocumentReference", identifier=r"|1\,2\|3") == []
    shadow.keep(bundle(put("DocumentReference", "d")))
    assert found("DocumentReference", identifier="|bare") == []
    with pytest.raises(FhirRejected, match="'code'"):
        shadow.search("Condition", {"code": "x"})


@given(value=st.text(st.sampled_from(r"ab\,|$/"), min_size=1))
def test_any_identifier_is_found_by_its_token(value: str, one_shadow: Shadow) -> None:
    one_shadow.keep(bundle(put("DocumentReference", "d", identifier=[{"system": "urn:s", "value": value}])))
    assert [r["id"] for r in one_shadow.search("DocumentReference", {"identifier": token("urn:s", value)})] == ["d"]


async def test_it_keeps_a_resource_as_a_server_does(path: Path, twin: FhirTwin) -> None:
    labels = [{"system": "urn:l", "code": code} for code in "ab"]
    steps = [
        put("Condition", "c", meta={"security": labels[:1], "profile": ["urn:1"], "versionId": "9"}, note=[], code={}),
        put("Condition", "c", meta={"security": labels[1:], "profile": ["urn:2"]}, recorder={"reference": "P/1"}),
    ]
    shadow = Shadow(path)
    for step in steps:
        shadow.keep(bundle(step))
        await twin.transact(bundle(step))

    theirs = await twin.read("Condition", "c") or {}
    for servers_own in ("source", "lastUpdated"):
        theirs["meta"].pop(servers_own)
    assert shadow.read("Condition", "c") == theirs


def test_one_process_alone_has_it_open(path: Path) -> None:
    first = Shadow(path)

    with pytest.raises(SettingsError, match=r"fhir\.shadow: .*another process has it open"):
        Shadow(path)

    first.close()
    Shadow(path).close()


def test_a_file_that_is_none_of_ours_is_told_at_the_start(path: Path) -> None:
    path.write_text("not a database at all, and long enough to be seen as none" * 20, encoding="utf-8")
    with pytest.raises(SettingsError, match="can't be used"):
        Shadow(path)
    with pytest.raises(SettingsError, match="No such file or directory"):
        Shadow(path.parent / "nowhere" / "shadow.sqlite")
    later = path.with_name("later")
    with sqlite3.connect(later) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(SettingsError, match="its format is 7"):
        Shadow(later)


def test_once_closed_it_is_unavailable(path: Path) -> None:
    shadow = Shadow(path)
    shadow.close()

    with pytest.raises(FhirUnavailable, match=r"fhir\.shadow"):
        shadow.read("Condition", "c")


def test_a_bundle_that_is_refused_is_not_kept_in_part(path: Path) -> None:
    shadow = Shadow(path)
    with pytest.raises(FhirRejected):
        shadow.keep(bundle(put("Condition", "c"), {"request": {"method": "DELETE", "url": "Condition/d"}}))

    assert shadow.read("Condition", "c") is None
