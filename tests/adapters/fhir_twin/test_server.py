"""The twin over HTTP."""

from __future__ import annotations

import socket
import struct
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer, Request
from medie_fhir.model import Json

FHIR = {"content-type": "application/fhir+json"}


def put(resource: Json) -> Json:
    return {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}


def transaction(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def test_single_interactions_over_http(twin: FhirTwin) -> None:
    patient = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": "urn:s", "value": "v"}]}
    anonymous = {name: value for name, value in patient.items() if name != "id"}
    with FhirTwinServer(twin) as server, httpx.Client(base_url=server.base_url, headers=FHIR) as http:
        created = http.put("/Patient/p1", json=patient)
        assert (created.status_code, created.headers["etag"]) == (201, 'W/"1"')
        assert http.put("/Patient/p1", json=patient).headers["etag"] == 'W/"1"'
        assert http.put("/Patient/p1", json=patient, headers={"If-Match": 'W/"9"'}).status_code == 409
        assert http.put("/Patient/other", json=patient).status_code == 400
        assert http.put("/Patient/p1", json=patient, headers={"Prefer": "return=minimal"}).content == b""
        assert http.post("/Patient", json=anonymous, headers={"If-None-Exist": "identifier=urn:s|v"}).status_code == 200
        assert http.post("/Patient", json=anonymous).headers["location"].startswith(f"{server.base_url}/Patient/1/")
        assert http.put("/Patient?identifier=urn:s|v", json=anonymous).status_code == 412
        assert http.post("/Patient/_search", content="_id=p1", headers={"content-type": "x"}).json()["total"] == 1
        assert http.get("/Patient/p1/_history/1").json()["id"] == "p1"
        assert http.delete("/Patient/p1").status_code == 200
        assert http.get("/Patient/p1").status_code == 410
        assert http.get("/Patient/p1/_history").json()["entry"][0]["request"]["method"] == "DELETE"
        assert http.patch("/Patient/p1", json=[]).status_code == 405
        assert http.post("/", content=b"{}").status_code == 400


def test_a_transaction_gives_the_resources_back_where_that_is_preferred(twin: FhirTwin) -> None:
    bundle = transaction(put({"resourceType": "Patient", "id": "p1"}))
    with FhirTwinServer(twin) as server, httpx.Client(base_url=server.base_url, headers=FHIR) as http:
        plain = http.post("", json=bundle).json()
        given_back = http.post("", json=bundle, headers={"Prefer": "return=representation"}).json()

    assert "resource" not in plain["entry"][0]
    assert given_back["entry"][0]["resource"]["id"] == "p1"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"1", b'{"resourceType": 1}', b"\xff", b'{"resourceType":"Bundle","type":1}']
)
def test_any_other_body_is_refused_with_an_operation_outcome(twin: FhirTwin, body: bytes) -> None:
    with FhirTwinServer(twin) as server:
        answer = httpx.post(server.base_url, content=body, headers=FHIR)

    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_client_that_is_gone_before_its_answer_does_not_keep_the_server_from_ending() -> None:
    asked, answer = threading.Event(), threading.Event()

    def hang(_: Request) -> None:
        asked.set()
        answer.wait(30)

    with FhirTwin() as twin, FhirTwinServer(twin, fault=hang) as server:
        client = socket.create_connection(("127.0.0.1", urlsplit(server.base_url).port or 0))
        client.sendall(b"GET /fhir/metadata HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert asked.wait(30)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, and not an end
        client.close()
        server.drop_connections()
        answer.set()
