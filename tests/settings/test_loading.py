"""The settings: the environment over one YAML file over the defaults; whatever is wrong with them is told as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from medie_fhir.errors import SettingsError
from medie_fhir.settings import load_settings


@pytest.mark.parametrize("url", ["http://user:SECRET@h/fhir", "http://h/fhir?apikey=SECRET", "http://h/fhir#SECRET"])
def test_a_url_holds_no_secret_for_it_is_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIE_FHIR__BASE_URL", url)
    with pytest.raises(SettingsError, match=r"fhir\.base_url: must hold no user") as caught:
        load_settings()
    assert "SECRET" not in str(caught.value)


def test_the_environment_wins_over_the_file_setting_by_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("loop: {max_in_flight: 3, drain_seconds: 4}\n", encoding="utf-8")
    monkeypatch.setenv("MEDIE_LOOP__MAX_IN_FLIGHT", "5")
    monkeypatch.setenv("MEDIE_FHIR__ALLOWED_HOSTS", '["a", "b"]')
    settings = load_settings(file)
    assert (settings.loop.max_in_flight, settings.loop.drain_seconds) == (5, 4)
    assert settings.fhir.allowed_hosts == {"a", "b"}


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("MEDIE_KAFKA", "secret", "kafka"),
        ("MEDIE_KAFKA__CLIENT", "{secret", "JSON"),
        ("MEDIE_FHIR__ALLOWED_HOSTS", "secret,b", "JSON"),
        ("MEDIE_FHIR__ATTEMPTS", "secret", "fhir.attempts"),
        ("MEDIE_FHIR__BASE_URL", "secret", "^fhir.base_url: must be a URL"),
        ("MEDIE_KAFKA__BOOTSTRAP_SERVER", "secret", "^kafka.bootstrap_server: no such setting"),
        ("MEDIE_FHIR__SOURCE_BASE_URL", "ftp://secret", "fhir.source_base_url"),
        ("MEDIE_MODEL__BASE_URL", "http://", "model.base_url"),
        ("MEDIE_MAPING", "secret", "no such settings: MEDIE_MAPING"),
        ("MEDIE_KAFAK__GROUP", "secret", "no such settings: MEDIE_KAFAK__GROUP"),
    ],
)
def test_a_wrong_variable_is_named_without_its_value(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=told) as caught:
        load_settings()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kafka: [", "is not YAML"),
        ("[" * 50_000, "is not YAML"),
        ("- a", "must be a YAML mapping"),
        ("1: 2", "no such settings: 1"),
        ("_env_file: .env", "no such settings: _env_file"),
        ("kafka: {bootstrp: x}", "kafka.bootstrp"),
        ("kafka: null", "kafka"),
    ],
)
def test_a_wrong_file_is_told_with_what_is_wrong(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=told):
        load_settings(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fhir: {source_token: s3cret}", "source_token: of no use without source_base_url"),
        (
            "fhir: {source_auth: {kind: basic, username: u, password: s3cret}, source_tls: {ca_file: ca.pem}}",
            "source_auth, source_tls: of no use without source_base_url",
        ),
        ("{fhir: {bundles: out}, kafka: {bundles: t}}", "fhir.bundles and kafka.bundles: one of them"),
        ("fhir: {shadow: s.sqlite}", "fhir.shadow: only with fhir.bundles or kafka.bundles"),
    ],
)
def test_settings_that_contradict_each_other_are_told_without_their_values(
    text: str, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=told) as caught:
        load_settings(file)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "fhir: {source_base_url: 'http://s/fhir', source_token: t, source_tls: {ca_file: ca.pem}}",
        "{fhir: {shadow: s.sqlite}, kafka: {bundles: t}}",
        "fhir: {bundles: out, shadow: s.sqlite}",
    ],
)
def test_settings_that_need_each_other_are_taken_together(text: str, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text, encoding="utf-8")
    assert load_settings(file).fhir
