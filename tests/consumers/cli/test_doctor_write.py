"""What doctor makes of a probe that it writes: what the server keeps of it, and what to mend."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer, Profile
from medie_fhir.adapters.fhir_twin.exchange import Request

NOT_FOUND = json.dumps(
    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}
).encode()
STAYS = "it stays there, and may be deleted"
Doctor = Callable[..., tuple[int, dict[str, dict[str, Any]]]]


def examined(doctor: Doctor, profile: Profile, times: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    """The last lines of the server and of the probe on a twin that can do so much."""
    with FhirTwin(profile=profile) as twin, FhirTwinServer(twin) as server:
        for _ in range(times):
            code, found = doctor(server.base_url, "--write")
            assert code == 3, "Kafka and model are away"
            assert len(twin.current()) == 1, "there is only ever one"
    return found["fhir server"], found["fhir write"]


def test_nothing_is_written_where_nobody_asked_for_it(doctor: Doctor) -> None:
    asked: list[str] = []

    def listens(request: Request) -> None:
        asked.append(request.method)

    with FhirTwin() as twin, FhirTwinServer(twin, fault=listens) as server:
        _, found = doctor(server.base_url)
    assert "fhir write" not in found
    assert set(asked) == {"GET"}


def test_a_fit_server_keeps_the_probe_whole_and_makes_no_version_of_the_same(doctor: Doctor) -> None:
    with FhirTwin() as twin, FhirTwinServer(twin) as server:
        for _ in range(2):
            _, found = doctor(server.base_url, "--write")
            assert found["fhir server"]["ok"]
            assert found["fhir server"]["found"].endswith(
                "client ids by update-as-create, one transaction a document; no login"
            )
            (probe,) = twin.current("Device")
            line = f"Device/{probe['id']} kept whole; written again, it makes no new version; {STAYS}"
            assert (found["fhir write"]["ok"], found["fhir write"]["found"]) == (True, line)
        assert probe["meta"]["versionId"] == "1"
        assert twin.count_versions() == 1, "nothing else was written, and there is only ever one"


@pytest.mark.parametrize(
    ("profile", "strategy"),
    [
        (Profile(update_as_create=False, client_ids=False), "conditional updates by identifier, one transaction"),
        (
            Profile(update_as_create=False, client_ids=False, conditional_update=False),
            "a search for each resource, then update or create, one transaction",
        ),
        (Profile(transaction=False), "client ids by update-as-create, batches, put back where a part fails"),
        (Profile(transaction=False, batch=False), "client ids by update-as-create, single writes, put back"),
    ],
)
def test_a_server_that_can_less_gets_the_probe_by_the_strategy_that_is_named(
    doctor: Doctor, profile: Profile, strategy: str
) -> None:
    server, written = examined(doctor, profile, times=2)
    assert server["ok"]
    assert strategy in server["found"]
    assert written["ok"]
    assert "kept whole; written again, it makes no new version" in written["found"]


def test_dropped_extensions_are_a_warning_that_says_what_is_lost(doctor: Doctor) -> None:
    _, written = examined(doctor, Profile(extensions=False))
    assert written["ok"], "facts can be written there: it is for a person to decide"
    assert "written and read back; mend: it drops or changes Device.extension: " in written["found"]
    assert "where each stands in the note and how sure the model was is lost" in written["found"]
    assert "Device.identifier" not in written["found"]


def test_a_server_that_numbers_no_versions_is_told(doctor: Doctor) -> None:
    _, written = examined(doctor, Profile(versions=False, if_match=False))
    assert written["ok"]
    assert "it numbers no versions, so an edit between our reading and our writing may be lost" in written["found"]


def test_a_server_that_makes_a_version_of_the_same_is_told(doctor: Doctor) -> None:
    with FhirTwin() as twin:

        def forgets(request: Request) -> Answer | None:
            if request.method != "GET" or not request.path.startswith("Device/"):
                return None
            reads.append(request)
            answer = twin.answer(request)
            body = json.loads(answer.body)
            body["meta"] = {"versionId": str(len(reads)), "lastUpdated": body["meta"]["lastUpdated"]}
            return Answer(200, {"content-type": "application/fhir+json"}, json.dumps(body).encode())

        reads: list[Request] = []
        with FhirTwinServer(twin, fault=forgets) as server:
            _, found = doctor(server.base_url, "--write")
    assert found["fhir write"]["ok"]
    told = found["fhir write"]["found"]
    assert "mend: it drops or changes Device.meta.security: nobody sees there that a machine asserted it" in told
    assert "mend: it drops or changes Device.meta.tag: " in told
    again = "mend: written again, it makes a new version: so will every replay, and the history grows"
    assert told.endswith(f"{again}; {STAYS}")


def test_what_is_not_found_again_is_an_error_that_says_what_it_may_be(doctor: Doctor) -> None:
    def hides(request: Request) -> Answer | None:
        return Answer(404, {"content-type": "application/fhir+json"}, NOT_FOUND) if "Device/" in request.path else None

    with FhirTwin() as twin, FhirTwinServer(twin, fault=hides) as server:
        code, found = doctor(server.base_url, "--write")
    assert code == 3
    assert not found["fhir write"]["ok"]
    assert found["fhir write"]["found"].startswith("FhirUnfit: Device/")
    assert "keep identifiers" in found["fhir write"]["found"]


def test_a_server_that_sets_the_source_by_itself_is_told_for_all_looks_edited(doctor: Doctor) -> None:
    def stamps(request: Request) -> Answer | None:
        if request.method != "GET" or not request.path.startswith("Device/"):
            return None
        answer = twin.answer(request)
        body = json.loads(answer.body)
        body["meta"]["source"] = "urn:gateway"
        return Answer(200, {"content-type": "application/fhir+json"}, json.dumps(body).encode())

    with FhirTwin() as twin, FhirTwinServer(twin, fault=stamps) as server:
        _, found = doctor(server.base_url, "--write")
    assert "mend: it sets meta.source by itself" in found["fhir write"]["found"]


def test_a_server_that_writes_provenances_by_itself_is_told_for_all_looks_edited(doctor: Doctor) -> None:
    def searches(request: Request) -> Answer | None:
        if not request.path.startswith("Provenance"):
            return None
        entry = {"resource": {"resourceType": "Provenance", "id": "p1"}, "search": {"mode": "match"}}
        said = {"resourceType": "Bundle", "type": "searchset", "entry": [entry]}
        return Answer(200, {"content-type": "application/fhir+json"}, json.dumps(said).encode())

    with FhirTwin() as twin, FhirTwinServer(twin, fault=searches) as server:
        _, found = doctor(server.base_url, "--write")
    assert "mend: someone writes Provenances of what we write" in found["fhir write"]["found"]
