"""What doctor says where a server gives no answer of use."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from consumers.cli.app import app
from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer


def test_a_server_that_fails_is_asked_once_and_named_with_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def fails(request: object) -> Answer:
        asked.append(request)
        return Answer(503)

    with FhirTwin() as twin, FhirTwinServer(twin, fault=fails) as server:
        monkeypatch.setenv("MEDIE_FHIR__BASE_URL", server.base_url)
        monkeypatch.setenv("MEDIE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
        monkeypatch.setenv("MEDIE_MODEL__BASE_URL", "http://127.0.0.1:1/v1")
        result = CliRunner().invoke(app, ["doctor", "--json"])
    found = {line["check"]: line for line in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 3
    assert len(asked) == 1, "a person waits: the consumers' patience is not asked for"
    assert found["fhir server"]["found"].startswith("FhirUnavailable: ")
    assert found["fhir server"]["found"].endswith(f"Is it up, and fhir.base_url right: {server.base_url}?")
    assert found["model"]["found"].endswith("Is it up, and model.base_url right: http://127.0.0.1:1/v1?")
    assert found["mapping"]["ok"]
