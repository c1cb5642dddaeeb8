"""How a server is written to is what it says that it can, and where it says nothing, what the settings say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from medie_fhir.adapters.fhir_http import FhirHttp
from medie_fhir.adapters.fhir_strategies import adapted
from medie_fhir.adapters.fhir_strategies.abilities import NEEDED, STUBS
from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer, Profile, Request
from medie_fhir.adapters.fhir_twin.exchange import answer_json
from medie_fhir.adapters.fhir_wire import Patience
from medie_fhir.errors import FhirAnswerInvalid, FhirUnavailable, FhirUnfit, Policy
from medie_fhir.settings import FhirSettings
from medie_fhir.transaction import transaction

DEVICE = {"resourceType": "Device", "id": "6ba7b810-9dad-51d1-80b4-00c04fd430c8"}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
ALL_SET = FhirSettings(identity="client-ids", sending="transaction")


class Closed:
    """Answers to what is asked of /metadata in the server's place; all else it lets through."""

    def __init__(self) -> None:
        self.status = 403

    def __call__(self, request: Request) -> Answer | None:
        return answer_json(self.status, OUTCOME) if request.path == "metadata" else None


@pytest.fixture
def closed() -> Closed:
    return Closed()


@pytest.fixture
async def server(twin: FhirTwin, closed: Closed) -> AsyncIterator[FhirHttp]:
    """A server that doesn't show its CapabilityStatement, and else does all."""
    with FhirTwinServer(twin, fault=closed) as served:
        async with FhirHttp(served.base_url, patience=Patience(attempts=1)) as http:
            yield http


async def test_a_server_that_has_all_is_given_back_as_it_is(twin: FhirTwin) -> None:
    target, description = await adapted(twin, FhirSettings())
    assert target is twin
    assert description == "client ids by update-as-create, one transaction a document"


@pytest.mark.parametrize("status", [403, 404])
async def test_where_all_is_set_a_server_that_shows_nothing_is_written_to_all_the_same(
    status: int, server: FhirHttp, closed: Closed, twin: FhirTwin
) -> None:
    closed.status = status
    target, description = await adapted(server, ALL_SET)
    await target.transact(transaction([DEVICE]))
    assert [device["id"] for device in twin.current("Device")] == [DEVICE["id"]]
    assert description.startswith("client ids by update-as-create, one transaction a document (taken for granted:")


@pytest.mark.parametrize("given", [{}, {"identity": "client-ids"}, {"sending": "transaction"}])
async def test_where_something_is_not_set_it_stops_in_one_line_that_names_what_to_set(
    given: dict[str, str], server: FhirHttp
) -> None:
    with pytest.raises(FhirUnfit, match=r"set both fhir\.identity and fhir\.sending") as told:
        await adapted(server, FhirSettings.model_validate(given))
    assert told.value.policy is Policy.STOP
    assert "\n" not in str(told.value)


async def test_where_it_is_not_known_what_keeps_two_stubs_of_one_patient_apart_none_is_made(server: FhirHttp) -> None:
    by_search = {"identity": "search-then-create", "sending": "single", "missing_subject": "stub"}
    with pytest.raises(FhirUnfit, match=r"fhir\.missing_subject stub"):
        await adapted(server, FhirSettings.model_validate(by_search), NEEDED | STUBS)


async def test_a_server_that_is_away_is_asked_again_though_all_is_set(server: FhirHttp, closed: Closed) -> None:
    closed.status = 500
    with pytest.raises(FhirUnavailable):
        await adapted(server, ALL_SET)


@pytest.mark.parametrize("profile", [Profile(update_as_create=False), Profile(transaction=False)])
async def test_a_server_that_answers_an_entry_with_null_is_understood_or_told(profile: Profile) -> None:
    def silent(request: Request) -> Answer | None:
        if request.method != "POST" or request.path:
            return None
        sent = json.loads(request.body)
        told = {"resourceType": "Bundle", "type": f"{sent['type']}-response", "entry": [{"response": None}]}
        return answer_json(200, told)

    with FhirTwin(profile=profile) as twin, FhirTwinServer(twin, fault=silent) as served:
        async with FhirHttp(served.base_url, patience=Patience(attempts=1)) as http:
            target, _ = await adapted(http, FhirSettings())
            if profile.transaction:
                assert (await target.transact(transaction([DEVICE])))["entry"] == [{}]
            else:
                with pytest.raises(FhirAnswerInvalid, match="in a batch: the answer has no status"):
                    await target.transact(transaction([DEVICE]))
