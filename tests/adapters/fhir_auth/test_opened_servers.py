"""The logins and certificates of the settings, all the way to a server that asks for them (see fhir_servers.py)."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.errors import FhirNotTrusted, FhirUnauthorized
from medie_fhir.fhir_servers import open_source, open_target, proven, strategy_of
from medie_fhir.settings import Settings
from medie_fhir.transaction import transaction

PATIENT = {"resourceType": "Patient", "id": "p1"}


def named(base_url: str, **fhir: Any) -> Settings:
    return Settings.model_validate({"fhir": {"base_url": base_url, "attempts": 1, **fhir}})


class TlsTwin(FhirTwinServer):
    """A FHIR twin behind TLS."""

    def __init__(self, twin: FhirTwin, context: ssl.SSLContext) -> None:
        super().__init__(twin)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.base_url = self.base_url.replace("http://", "https://")
        twin.serve_at(self.base_url)


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
async def test_a_signed_assertion_gets_the_token_that_the_target_asks_for(room, registered, algorithm):
    auth = registered("smart-backend", algorithm).model_dump(exclude_none=True)
    settings = named(room.base_url, auth=auth)
    assert await proven(settings, target=True) == "smart-backend as medie, scope system/*.cruds, for 300 s"
    assert "one transaction" in await strategy_of(settings)
    async with open_target(settings) as target:
        await target.transact(transaction([PATIENT]))
    assert [p["id"] for p in room.twin.current("Patient")] == ["p1"]
    assert room.tokens.refusals == []


async def test_a_refused_login_names_the_settings_of_the_server_that_refused(room, registered):
    auth = registered("smart-backend", client_id="nobody").model_dump(exclude_none=True)
    async with open_target(named(room.base_url, auth=auth)) as target:
        with pytest.raises(FhirUnauthorized, match=r"Check fhir\.auth: "):
            await target.read("Patient", "p1")
    source = named("http://127.0.0.1:9/fhir", source_base_url=room.base_url, source_auth=auth)
    async with open_source(source) as notes:
        with pytest.raises(FhirUnauthorized, match=r"Check fhir\.source_auth: "):
            await notes.read("DocumentReference", "d1")


async def test_the_source_s_tokens_are_its_own(room, registered):
    auth = registered("smart-backend").model_dump(exclude_none=True)
    settings = named("http://127.0.0.1:9/fhir", token="ours", source_base_url=room.base_url, source_auth=auth)
    async with open_source(settings) as source:
        assert await source.read("DocumentReference", "d1") is None
    assert len(room.tokens.asked) == 1


async def test_both_sides_show_certificates(authority):
    chain, key = authority.files("medie")
    tls = {"ca_file": authority.file, "certificate_file": chain, "key_file": key}
    with FhirTwin() as twin, TlsTwin(twin, authority.server(wants_client=True)) as served:
        async with open_target(named(served.base_url, tls=tls)) as target:
            await target.transact(transaction([PATIENT]))
        assert len(twin.current("Patient")) == 1
        source = named("http://127.0.0.1:9/fhir", tls=tls, source_base_url=served.base_url, source_tls=tls)
        async with open_source(source) as notes:
            assert await notes.read("Patient", "p1") is not None


async def test_a_ca_that_is_not_known_names_the_settings_of_that_server(authority):
    with FhirTwin() as twin, TlsTwin(twin, authority.server()) as served:
        async with open_target(named(served.base_url)) as target:
            with pytest.raises(FhirNotTrusted, match=r"name that CA in fhir\.tls\.ca_file"):
                await target.read("Patient", "p1")
        # The target's CA is not the source's.
        settings = named(served.base_url, tls={"ca_file": authority.file}, source_base_url=served.base_url)
        async with open_source(settings) as source:
            with pytest.raises(FhirNotTrusted, match=r"name that CA in fhir\.source_tls\.ca_file"):
                await source.read("Patient", "p1")


async def test_the_token_server_is_held_to_the_same_certificates(authority, tls_tokens, registered):
    chain, key = authority.files("medie")
    tokens = tls_tokens(authority.server(wants_client=True))
    auth = registered(token_url=tokens.url).model_dump(exclude_none=True)
    tokens.secrets["medie"] = "s3ntinel +&%"
    tls = {"ca_file": authority.file, "certificate_file": chain, "key_file": key}
    settings = named("http://127.0.0.1:9/fhir", auth=auth, tls=tls)
    assert await proven(settings, target=True) == "client-credentials as medie, scope not told, for 300 s"
    with pytest.raises(FhirNotTrusted, match=r"fhir\.tls\.ca_file"):
        await proven(named("http://127.0.0.1:9/fhir", auth=auth), target=True)
