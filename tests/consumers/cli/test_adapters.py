"""``medie-fhir adapters``, run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from consumers.cli.app import app
from medie_fhir.adapters.lora import Registry
from medie_fhir.errors import DependencyMissing, SettingsError

Do = Callable[..., Result]


@pytest.fixture
def do(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Do:
    monkeypatch.setenv("MEDIE_MODEL__ADAPTERS", str(registry.path))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["adapters", *arguments])

    return run


def in_use(do: Do) -> list[str]:
    entries = [json.loads(line) for line in do("list", "--json").stdout.splitlines()]
    return [entry["name"] for entry in entries if entry["in_use"]]


def test_what_is_promoted_is_in_use_until_it_is_rolled_back_and_all_of_it_is_recorded(do: Do) -> None:
    assert in_use(do) == []
    assert "none is promoted" in do("list").stdout
    assert do("promote", "first", "--why", "F1 0.82", "--who", "ada").exit_code == 0
    assert in_use(do) == ["first"]
    assert do("promote", "second", "--why", "F1 0.84", "--who", "ada").exit_code == 0
    assert in_use(do) == ["second"]
    assert "→ first@" in do("rollback", "--why", "invents stages", "--who", "bob").stdout
    assert in_use(do) == ["first"]
    steps = [json.loads(line) for line in do("journal", "--json").stdout.splitlines()]
    said = [(s["act"], s["who"], (s["from"] or {}).get("name"), (s["to"] or {}).get("name"), s["why"]) for s in steps]
    assert said == [
        ("promote", "ada", None, "first", "F1 0.82"),
        ("promote", "ada", "first", "second", "F1 0.84"),
        ("rollback", "bob", "second", "first", "invents stages"),
    ]
    assert "invents stages" in do("journal").stdout


def test_a_broken_adapter_is_told_and_not_promoted(do: Do, registry: Registry) -> None:
    assert do("verify").exit_code == 0
    (registry.path.parent / "second" / "adapter_config.json").write_text("{}", encoding="utf-8")
    assert do("verify", "first").exit_code == 0
    assert do("verify").exit_code == 1
    assert isinstance(do("promote", "second", "--why", "x", "--who", "x").exception, DependencyMissing)
    assert in_use(do) == []


def test_an_adapter_that_learned_something_else_is_not_promoted(do: Do, registry: Registry) -> None:
    text = registry.path.read_text(encoding="utf-8")
    registry.path.write_text(text.replace("medical-ie", "cardiology-ie"), encoding="utf-8")
    assert isinstance(do("promote", "first", "--why", "x", "--who", "x").exception, SettingsError)


def test_a_promotion_must_say_why(do: Do) -> None:
    assert do("promote", "first").exit_code == 2


def test_what_the_registry_must_say_is_printed(do: Do, registry: Registry) -> None:
    assert do("digest", str(registry.path.parent / "first")).stdout.strip() == registry.adapter("first").sha256
    assert isinstance(do("digest", "/nowhere/at/all").exception, SettingsError)


def test_without_a_registry_it_is_said_what_to_set(do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIE_MODEL__ADAPTERS")
    error = do("list").exception
    assert isinstance(error, SettingsError)
    assert "model.adapters" in str(error)
