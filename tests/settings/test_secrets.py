"""Secrets in files of their own: read as they are, told all at once where they can't be, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from medie_fhir.errors import SettingsError
from medie_fhir.settings import Settings, load_settings, secret_variables


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
        *secret_variables(Settings)
    }
    assert "MEDIE_FHIR__AUTH__TOKEN" not in {*secret_variables(Settings)}
