"""The target is asked for as little as will do: one read of a new document, and all that is known of an old one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.earlier_work import EarlierWork
from medie_fhir.errors import FhirRejected
from medie_fhir.model import DocumentInfo, Json
from medie_fhir.pipeline import Pipeline
from medie_fhir.transaction import SourceDocuments, Standing, document_id, place

Event = Callable[..., bytes]

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected. No liver metastases."
DOCUMENT = DocumentInfo(reference="DocumentReference/d1")
COPY = f"DocumentReference/{document_id(DOCUMENT)}"


class Asked:
    """A twin, and what it was asked."""

    def __init__(self, twin: FhirTwin) -> None:
        self.twin = twin
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.twin, name)

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        self.asked.append(f"read {resource_type}/{resource_id}")
        return await self.twin.read(resource_type, resource_id)

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        self.asked.append(f"search {resource_type}")
        return await self.twin.search(resource_type, params)


def work(server: Any, **how: Any) -> EarlierWork:
    return EarlierWork(server, SourceDocuments(), how.get("reviewed", "keep"))


async def test_of_a_document_that_is_new_one_read_says_so(twin: FhirTwin) -> None:
    server = Asked(twin)
    earlier = work(server)
    standing = await earlier.standing(DOCUMENT)
    assert await earlier.with_resources(standing, [{"resourceType": "Condition", "id": "c"}]) == Standing()
    assert server.asked == [f"read {COPY}"]


async def test_of_a_document_that_is_known_all_that_stands_is_read_and_who_spoke_of_it(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG))
    facts = [r for kind in ("Condition", "Observation") for r in twin.current(kind)]
    theirs = {"resourceType": "Provenance", "id": "theirs", "target": [{"reference": place(facts[0])}]}
    await twin.write({"resource": theirs, "request": {"method": "PUT", "url": "Provenance/theirs"}})
    found = await work(twin).with_resources(await work(twin).standing(DOCUMENT), [])
    assert {place(r) for r in found.resources} == {place(r) for r in facts}
    assert [p["id"] for p in found.others] == ["theirs"]


async def test_where_edits_are_written_over_nobodys_word_on_them_is_asked_for(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG))
    server = Asked(twin)
    earlier = work(server, reviewed="overwrite")
    found = await earlier.with_resources(await earlier.standing(DOCUMENT), [])
    assert found.resources
    assert found.others == ()
    assert server.asked.count("search Provenance") == 1  # for ours


async def test_a_copy_that_is_gone_after_a_conflict_was_deleted_and_one_that_is_there_is_read_again(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG))
    assert await work(twin).after_conflict(DOCUMENT, Standing()) is None
    other = DocumentInfo(reference="DocumentReference/gone")
    deleted = await work(twin).after_conflict(other, Standing())
    assert deleted is not None
    assert (deleted.is_copy_deleted, deleted.provenances) == (True, ())


async def test_a_task_that_was_deleted_stands_unless_the_server_keeps_no_history(twin: FhirTwin) -> None:
    request = {"method": "PUT", "url": "Task/t"}
    entry = {"resource": {"resourceType": "Task", "id": "t", "status": "requested", "intent": "order"}}
    await twin.write({**entry, "request": request})
    bundle = {"entry": [{**entry, "request": request}]}
    assert await work(twin).tasks_that_stand(bundle) == ["Task/t"]
    await twin.transact(
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "DELETE", "url": "Task/t"}}]}
    )
    assert await work(twin).tasks_that_stand(bundle) == ["Task/t"]

    class Forgetful(Asked):
        async def history(self, resource_type: str, resource_id: str) -> list[Json]:
            raise FhirRejected("no history here")

    assert await work(Forgetful(twin)).tasks_that_stand(bundle) == []
