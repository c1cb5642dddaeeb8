"""What doctor says of the servers: where one gives no answer of use, and what it lacks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer
from medie_fhir.adapters.fhir_twin.exchange import Request

SECRET = "s3ntinel"
NOT_FOUND = json.dumps(
    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}
).encode()
Found = dict[str, dict[str, Any]]
Doctor = Callable[..., tuple[int, Found]]


def test_a_server_that_fails_is_asked_once_and_named_with_its_setting(doctor: Doctor) -> None:
    asked: list[object] = []

    def fails(request: object) -> Answer:
        asked.append(request)
        return Answer(503)

    with FhirTwin() as twin, FhirTwinServer(twin, fault=fails) as server:
        code, found = doctor(server.base_url)
    assert code == 3
    assert len(asked) == 1, "a person waits: the consumers' patience is not asked for"
    assert found["fhir server"]["found"].startswith("FhirUnavailable: ")
    assert found["fhir server"]["found"].endswith(f"Is it up, and fhir.base_url right: {server.base_url}?")
    assert found["model"]["found"].endswith("Is it up, and model.base_url right: http://127.0.0.1:1/v1?")
    assert found["mapping"]["ok"]


def test_a_route_that_can_not_be_is_told_where_the_mapping_is(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIE_ROUTES", '[{"task": "cardiology", "mapping": "cardiology", "also": true}]')
    _, found = doctor("http://127.0.0.1:1/fhir")
    assert not found["mapping"]["ok"]
    assert found["mapping"]["found"].startswith("SettingsError: routes.0.model: name the adapter")
    monkeypatch.setenv("MEDIE_READERS", '["lexicon"]')
    _, found = doctor("http://127.0.0.1:1/fhir")
    assert "; by a route: cardiology@" in found["mapping"]["found"]


def test_a_server_of_another_fhir_version_is_named_and_nothing_is_written(doctor: Doctor) -> None:
    def is_r5(request: Request) -> Answer | None:
        if request.path != "metadata":
            return None
        statement = {"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0", "rest": [{"mode": "server"}]}
        return Answer(200, {"content-type": "application/fhir+json"}, json.dumps(statement).encode())

    with FhirTwin() as twin, FhirTwinServer(twin, fault=is_r5) as server:
        code, found = doctor(server.base_url, "--write")
        assert twin.count_versions() == 0
    assert code == 3
    assert not found["fhir server"]["ok"]
    assert found["fhir server"]["found"].startswith("FhirUnfit: ")
    assert found["fhir server"]["found"].endswith("set fhir.base_url to its R4 endpoint")
    assert not found["fhir write"]["ok"]
    assert found["fhir write"]["found"] == "not tried: first mend what the line of the fhir server says"


def test_a_login_that_is_refused_to_write_says_what_to_grant(doctor: Doctor) -> None:
    def reads_only(request: Request) -> Answer | None:
        return None if request.method == "GET" else Answer(403)

    with FhirTwin() as twin, FhirTwinServer(twin, fault=reads_only) as server:
        code, found = doctor(server.base_url, "--write")
    assert code == 3
    assert found["fhir server"]["ok"]
    assert found["fhir write"]["found"].startswith("FhirForbidden: ")
    assert "Device" in found["fhir write"]["found"]
    assert found["fhir write"]["found"].endswith("Our login is what fhir.auth says, now: none")


def test_smart_backend_services_are_shown_with_their_scope_and_no_secret(doctor: Doctor, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    made = ec.generate_private_key(ec.SECP384R1())
    key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    where: list[str] = []

    def guards(request: Request) -> Answer | None:
        said: dict[str, object]
        if request.path == ".well-known/smart-configuration":
            said = {"token_endpoint": f"{where[0]}/token", "grant_types_supported": ["client_credentials"]}
        elif request.path == "token":
            scope = "system/Device.cruds system/Condition.cruds"
            said = {"access_token": SECRET, "token_type": "Bearer", "expires_in": 300, "scope": scope}
        else:
            return None if request.headers.get("authorization") == f"Bearer {SECRET}" else Answer(401)
        return Answer(200, {"content-type": "application/json"}, json.dumps(said).encode())

    login = {"KIND": "smart-backend", "CLIENT_ID": "medie", "KEY_FILE": str(key), "KEY_ID": "k1", "ALGORITHM": "ES384"}
    with FhirTwin() as twin, FhirTwinServer(twin, fault=guards) as server:
        where.append(server.base_url)
        settings = {f"FHIR__AUTH__{name}": value for name, value in login.items()}
        _, found = doctor(server.base_url, "--write", **settings)
    assert found["fhir server"]["found"].endswith(
        "; smart-backend as medie, scope system/Device.cruds system/Condition.cruds, for 300 s"
    )
    assert found["fhir write"]["ok"]


def test_a_password_that_is_refused_is_named_by_its_setting_and_never_shown(doctor: Doctor) -> None:
    login = {"FHIR__AUTH__KIND": "basic", "FHIR__AUTH__USERNAME": "medie", "FHIR__AUTH__PASSWORD": SECRET}
    with FhirTwin() as twin, FhirTwinServer(twin, fault=lambda _: Answer(401)) as server:
        code, found = doctor(server.base_url, "--write", **login)
    assert code == 3
    assert found["fhir server"]["found"].startswith("FhirUnauthorized: ")
    assert found["fhir server"]["found"].endswith("Our login is what fhir.auth says, now: basic")
    assert found["fhir write"]["found"].startswith("not tried: ")


def test_files_are_looked_at_and_nothing_is_put_into_them(doctor: Doctor, tmp_path: Path) -> None:
    _, found = doctor("http://127.0.0.1:1/fhir", "--write", FHIR__BUNDLES=str(tmp_path))
    assert found["fhir server"]["ok"]
    assert found["fhir server"]["found"].startswith(
        "none is written to, so none was asked: transaction files go to the"
    )
    assert found["fhir write"]["ok"]
    assert found["fhir write"]["found"].startswith("none: there is no server to write to")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("body", [b"", NOT_FOUND])
def test_a_wrong_path_is_named_by_its_setting(doctor: Doctor, body: bytes) -> None:
    missing = Answer(404, {"content-type": "application/fhir+json"}, body)
    with FhirTwin() as twin, FhirTwinServer(twin, fault=lambda _: missing) as server:
        code, found = doctor(server.base_url)
    assert code == 3
    assert found["fhir server"]["found"].endswith(f"fhir.base_url right: {server.base_url}?")


def test_a_server_that_hides_its_statement_is_fit_where_the_settings_say_how_to_write(doctor: Doctor) -> None:
    def hides(request: Request) -> Answer | None:
        return Answer(403) if request.path == "metadata" else None

    said = {"FHIR__IDENTITY": "client-ids", "FHIR__SENDING": "transaction"}
    with FhirTwin() as twin, FhirTwinServer(twin, fault=hides) as server:
        _, found = doctor(server.base_url)
        assert found["fhir server"]["found"].endswith("Our login is what fhir.auth says, now: none")
        _, found = doctor(server.base_url, "--write", **said)
    assert (found["fhir server"]["ok"], found["fhir write"]["ok"]) == (True, True)
    assert "doesn't show us its CapabilityStatement" in found["fhir server"]["found"]


def test_the_terminology_server_is_checked_with_what_it_is_to_hold(doctor: Doctor, terminology: Any) -> None:
    fields = {"stage": {"operation": "translate", "system": "urn:words", "concept_map": "urn:map"}}
    settings = {"TERMINOLOGY_SERVER__BASE_URL": terminology.base_url, "TERMINOLOGY_SERVER__FIELDS": json.dumps(fields)}
    _, found = doctor("http://127.0.0.1:1/fhir", **settings)
    line = found["terminology server"]
    assert line["ok"]
    assert line["found"] == (
        f"{terminology.base_url}: asked for stage by $translate; look whether it holds urn:map: no search finds them"
    )
    terminology.away = Answer(401, {"content-type": "application/fhir+json"}, b"{}")
    _, found = doctor("http://127.0.0.1:1/fhir", TERMINOLOGY_SERVER__TOKEN=SECRET, **settings)
    assert not found["terminology server"]["ok"]
    assert found["terminology server"]["found"].endswith("Our login is what terminology_server.auth says, now: bearer")


def test_without_a_terminology_server_there_is_no_line_of_it(doctor: Doctor) -> None:
    assert "terminology server" not in doctor("http://127.0.0.1:1/fhir")[1]
