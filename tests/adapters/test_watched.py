"""A server's work is counted where it was done, and passed on as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.watched import WatchedModel, WatchedSource, WatchedTarget
from medie_fhir.errors import ContentNotFound, FhirRejected, ModelUnavailable
from medie_fhir.model import Json
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest

REQUEST = ModelRequest((), {}, 1)


class Giving:
    """A model that gives what it is told to give, one after the other."""

    def __init__(self, *answers: ModelAnswer | ModelUnavailable) -> None:
        self._answers = list(answers)

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        answer = self._answers.pop(0)
        if isinstance(answer, ModelUnavailable):
            raise answer
        return answer

    async def describe(self) -> ModelDescription:
        return ModelDescription("some")


def putting(resource: Json) -> Json:
    request = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": resource, "request": request}]}


async def test_only_answers_that_the_model_gave_are_its_work() -> None:
    answer = ModelAnswer("{}", "stop")
    model = WatchedModel(Giving(answer, ModelUnavailable("away"), replace(answer, cached=True), answer))
    assert await model.complete(REQUEST) == answer
    with pytest.raises(ModelUnavailable):
        await model.complete(REQUEST)
    assert (await model.complete(REQUEST)).cached
    assert model.worked == 1
    await model.complete(REQUEST)
    assert model.worked == 2


async def test_a_description_is_no_work() -> None:
    model = WatchedModel(Giving())
    assert await model.describe() == ModelDescription("some")
    assert model.worked == 0


async def test_the_targets_work_is_the_transactions_that_it_took(twin: FhirTwin) -> None:
    target = WatchedTarget(twin)
    await target.transact(putting({"resourceType": "Patient", "id": "p2"}))
    assert target.worked == 1
    with pytest.raises(FhirRejected):
        await target.transact(
            putting({"resourceType": "Provenance", "id": "x", "target": [{"reference": "Patient/no"}]})
        )
    assert await target.read("Patient", "p2") is not None
    assert await target.search("Patient", {"_id": "p2"})
    assert await target.history("Patient", "p2")
    assert (await target.capabilities())["resourceType"] == "CapabilityStatement"
    assert target.worked == 1


async def test_the_sources_work_is_what_it_gave(twin: FhirTwin) -> None:
    await twin.transact(putting({"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "YQ=="}))
    source = WatchedSource(twin)
    assert (await source.content("Binary/b")).data == b"a"
    assert await source.read("Binary", "b") is not None
    assert source.worked == 2
    assert await source.read("Patient", "nobody") is None
    with pytest.raises(ContentNotFound):
        await source.content("Binary/nothing")
    assert source.worked == 2
