"""The settings: the environment over one YAML file over the defaults; whatever is wrong with them is told as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from medie_fhir.errors import SettingsError
from medie_fhir.settings import load_settings, secret_variables


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


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_may_stand_in_a_file_that_a_variable_names(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(f" pass word{end}".encode())
    (tmp_path / "s.yaml").write_text("fhir: {auth: {kind: basic, username: u, password: old}}\n", encoding="utf-8")
    monkeypatch.setenv("MEDIE_FHIR__AUTH__PASSWORD_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("MEDIE_KAFKA__SECURITY__KEY_PASSWORD_FILE", str(tmp_path / "secret"))
    settings = load_settings(tmp_path / "s.yaml")
    assert settings.fhir.auth.password is not None
    assert settings.fhir.auth.password.get_secret_value() == " pass word"
    assert settings.fhir.auth.username == "u"
    assert settings.kafka.security.key_password == settings.fhir.auth.password
    assert "pass word" not in repr(settings)


def test_secrets_in_files_that_can_not_be_had_are_told_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "latin").write_bytes("sécret".encode("latin-1"))
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    monkeypatch.setenv("MEDIE_MODEL__API_KEY_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("MEDIE_FHIR__SOURCE_TOKEN_FILE", str(tmp_path / "latin"))
    monkeypatch.setenv("MEDIE_FHIR__TLS__KEY_PASSWORD_FILE", str(tmp_path / "empty"))
    monkeypatch.setenv("MEDIE_FHIR__TOKEN", "secret")
    monkeypatch.setenv("MEDIE_FHIR__TOKEN_FILE", str(tmp_path / "latin"))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert sorted(str(caught.value).splitlines()) == [
        f"MEDIE_FHIR__SOURCE_TOKEN_FILE: {tmp_path}/latin: can't be read: not UTF-8",
        f"MEDIE_FHIR__TLS__KEY_PASSWORD_FILE: {tmp_path}/empty: is empty",
        "MEDIE_FHIR__TOKEN_FILE: is set beside MEDIE_FHIR__TOKEN: one of the two is needed",
        f"MEDIE_MODEL__API_KEY_FILE: {tmp_path}/none: can't be read: No such file or directory",
    ]


def test_a_setting_that_is_a_file_itself_stays_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIE_FHIR__AUTH__TOKEN_FILE", str(tmp_path / "rotating"))
    auth = load_settings().fhir.auth
    assert (auth.token, auth.token_file) == (None, tmp_path / "rotating")


def test_only_a_secret_is_read_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIE_FHIR__BASE_URL_FILE", "/etc/hostname")
    with pytest.raises(SettingsError, match=r"^fhir\.base_url_file: no such setting"):
        load_settings()


def test_every_secret_of_the_settings_may_come_from_a_file() -> None:
    assert {"MEDIE_FHIR__TOKEN", "MEDIE_FHIR__AUTH__CLIENT_SECRET", "MEDIE_KAFKA__SECURITY__PASSWORD"} <= {
        *secret_variables()
    }
    assert "MEDIE_FHIR__AUTH__TOKEN" not in {*secret_variables()}
