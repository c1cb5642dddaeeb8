"""From settings to a login."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from medie_fhir.adapters.fhir_auth import auth_of, prove
from medie_fhir.errors import SettingsError
from medie_fhir.settings import FhirAuth

BASE = "https://fhir.example/r4"


def test_without_settings_there_is_no_login():
    assert auth_of(FhirAuth(), BASE) is None


async def test_each_kind_is_what_it_is_called(tmp_path):
    (tmp_path / "token").write_text("t")
    basic = FhirAuth(kind="basic", username="u", password=SecretStr("p"))
    assert await prove(auth_of(basic, BASE)) == "basic as u"
    assert (
        await prove(auth_of(FhirAuth(kind="bearer", token=SecretStr("t")), BASE)) == "bearer, with a token that stays"
    )
    assert await prove(auth_of(FhirAuth(), BASE, token=SecretStr("t"))) == "bearer, with a token that stays"
    rotating = FhirAuth(kind="bearer", token_file=tmp_path / "token")
    assert await prove(auth_of(rotating, BASE)) == f"bearer, with the token of {tmp_path}/token"


def test_all_faults_are_told_at_once_under_the_name_of_the_login():
    settings = FhirAuth(kind="basic", client_id="c")
    with pytest.raises(SettingsError) as caught:
        auth_of(settings, BASE, token=SecretStr("t"), where="fhir.source_auth")
    assert str(caught.value).splitlines() == [
        "fhir.source_auth.username: basic needs it",
        "fhir.source_auth.password: basic needs it",
        "fhir.source_auth.client_id: is set, and fhir.source_auth.kind basic has no use for it",
        "fhir.source_token: is set beside fhir.source_auth.kind basic: one login is needed",
    ]


def test_a_key_that_is_not_there_is_told_before_any_request(tmp_path):
    settings = FhirAuth(kind="smart-backend", client_id="c", key_file=tmp_path / "k.pem", key_id="k")
    with pytest.raises(SettingsError, match=r"^fhir\.auth\.key_file: .*k\.pem: can't be read"):
        auth_of(settings, BASE)
