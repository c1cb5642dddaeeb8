"""The registry's file is judged whole, and names tell adapters apart by their bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medie_fhir.adapters.lora import Registry, load_registry
from medie_fhir.errors import SettingsError

GOOD = {"base": "org/base", "learned": "medical-ie", "from": "x", "sha256": "ab" * 32}


def load(tmp_path: Path, content: object) -> Registry:
    path = tmp_path / "adapters.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")
    return load_registry(path)


def test_the_name_at_the_server_holds_the_digest(tmp_path: Path) -> None:
    adapter = load(tmp_path, {"adapters": {"ie": GOOD}}).adapter("ie")
    assert (adapter.served_as, adapter.label) == ("ie-abababababab", "ie@abababababab")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([], "must be `adapters:`"),
        ({"adapters": {}}, "at least 1 item"),
        ({"adapters": {"a": 1}}, "adapters.a"),
        ({"adapters": {"Ä": GOOD}}, "adapters.Ä"),
        ({"adapters": {"a": GOOD | {"sha256": "AB" * 32}}}, "sha256"),
        ({"adapters": {"a": GOOD | {"url": "x"}}}, "url"),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, content: object, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        load(tmp_path, content)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, {"adapters": {"a": GOOD | {"sha256": ""}, "b": {}}})
    assert len(str(raised.value).splitlines()) == 5


def test_what_is_not_there_is_told_with_what_is(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no adapter 'b'; there are: a"):
        load(tmp_path, {"adapters": {"a": GOOD}}).adapter("b")
    with pytest.raises(SettingsError, match="can't be read"):
        load_registry(tmp_path / "none.yaml")
