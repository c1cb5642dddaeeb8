"""Remapping stored records: what is written, what isn't, and what stops it or doesn't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from consumers.records import StoredRecord
from consumers.remap import Outlasted, Progress, Selection
from medie_fhir.adapters.passing import Passing
from medie_fhir.errors import FhirRejected, FhirUnauthorized, FhirUnavailable
from medie_fhir.model import Json
from medie_fhir.ports import FhirServer
from medie_fhir.transaction import place, transaction


async def test_a_dry_run_sends_nothing_and_tells_in_the_same_words_what_writing_does(rig: Any) -> None:
    before = rig.twin.count_versions()
    tried = await rig.tried()
    assert rig.twin.count_versions() == before
    done = await rig.done()
    assert tried.progress.report.to_json() == done.progress.report.to_json()
    assert done.progress.report.to_json() == {
        "documents": {"written": 6, "empty": 3},
        "resources": {
            "cancer_type": {"created": 6},
            "gene_mutation": {"created": 3},
            "stage": {"created": 3},
        },
        "failed": [],
    }


async def test_a_second_one_writes_nothing(rig: Any) -> None:
    await rig.done()
    before = rig.twin.count_versions()
    again = await rig.done()
    assert rig.twin.count_versions() == before
    assert again.progress.report.to_json()["documents"] == {"unchanged": 6, "empty": 3}
    assert set(again.progress.report.resources) == {
        (field, "unchanged") for field in ("cancer_type", "gene_mutation", "stage")
    }


async def test_no_model_is_asked(rig: Any) -> None:
    asked = rig.model.asked
    await rig.done()
    assert rig.model.asked == asked


async def test_a_field_that_was_dropped_is_taken_back_and_other_documents_are_not_written(rig: Any) -> None:
    await rig.done()
    before = {p["id"] for p in rig.twin.current("Provenance")}
    tried = await rig.tried(stage=None)
    done = await rig.done(rig.pipeline(stage=None))
    assert tried.progress.report.to_json() == done.progress.report.to_json()
    assert done.progress.report.to_json() == {
        "documents": {"written": 3, "unchanged": 3, "empty": 3},
        "resources": {
            "cancer_type": {"unchanged": 6},
            "gene_mutation": {"unchanged": 3},
            "stage": {"retracted": 3},
        },
        "failed": [],
    }
    new = [p for p in rig.twin.current("Provenance") if p["id"] not in before]
    assert len(new) == 2 * 3  # of each document one that retracts, and one by the edited mapping
    after = rig.twin.count_versions()
    again = await rig.done(rig.pipeline(stage=None))
    assert rig.twin.count_versions() == after
    assert again.progress.report.to_json()["documents"] == {"unchanged": 6, "empty": 3}


async def test_what_a_person_has_changed_is_kept_and_told(rig: Any) -> None:
    await rig.done()
    stage = next(o for o in rig.twin.current("Observation") if "IV" in str(o.get("valueCodeableConcept")))
    await rig.twin.transact(transaction([{**stage, "status": "final"}]))
    done = await rig.done(rig.pipeline(stage=None))
    assert done.progress.report.resources["stage", "kept"] == 1
    assert done.progress.report.resources["stage", "retracted"] == 2
    kept = await rig.twin.read(*place(stage).split("/"))
    assert kept["status"] == "final"


async def test_only_what_is_chosen_is_done(rig: Any) -> None:
    done = await rig.done(selection=Selection(fields=frozenset({"gene_mutation"})))
    assert done.progress.report.done == 3
    assert done.seen == done.total == 9
    label = rig.pipeline().mapping.label
    by = await rig.done(selection=Selection(made_by=label.partition("#")[0]))
    assert by.progress.report.to_json()["documents"] == {"unchanged": 3}
    assert (await rig.done(selection=Selection(made_by="another"))).progress.report.done == 0


class Failing(Passing):
    """A server that fails by what stands in a transaction, or so many times."""

    def __init__(self, server: FhirServer, error: Exception, *, times: int = 10**9, mark: str = "") -> None:
        super().__init__(server)
        self.error, self.left, self.mark, self.probes = error, times, mark, 0

    async def capabilities(self) -> Json:
        self.probes += 1
        if self.left > 0 and isinstance(self.error, FhirUnavailable):
            self.left -= 1
            raise self.error
        return await super().capabilities()

    async def transact(self, bundle: Json) -> Json:
        if self.left > 0 and self.mark in str(bundle):
            self.left -= 1
            raise self.error
        return await super().transact(bundle)


async def test_an_outage_is_waited_out_and_skips_no_record(rig: Any) -> None:
    server = Failing(rig.twin, FhirUnavailable("away"), times=40)
    done = await rig.done(rig.pipeline(server))
    assert server.probes > 0
    assert done.progress.report.to_json()["documents"] == {"written": 6, "empty": 3}
    assert (await rig.done()).progress.report.to_json()["documents"] == {"unchanged": 6, "empty": 3}


async def test_an_outage_that_outlasts_the_patience_ends_it_with_what_was_met_and_leaves_the_rest(rig: Any) -> None:
    server = Failing(rig.twin, FhirUnavailable("away"))
    work = rig.remap(rig.pipeline(server), patience_s=0.02)
    with pytest.raises(Outlasted) as lasted:
        await work.run(rig.stored())
    assert (lasted.value.dependency, str(lasted.value.error)) == ("fhir", "away")
    assert work.progress.report.done == 0
    assert rig.twin.current("Observation") == []


async def test_what_is_away_from_the_start_is_known_before_a_record_is_tried(rig: Any) -> None:
    server = Failing(rig.twin, FhirUnavailable("away"))
    work = rig.remap(rig.pipeline(server))
    away: list[str | None] = []

    async def stored() -> AsyncIterator[StoredRecord]:
        async for one in rig.stored():
            away.append(work.waiting and work.waiting.dependency)
            server.left = 0
            yield one

    await work.run(stored())
    assert away[0] == "fhir"
    assert work.progress.report.to_json()["documents"] == {"written": 6, "empty": 3}


async def test_what_the_server_refuses_is_listed_by_its_document_and_the_others_go_on(rig: Any) -> None:
    done = await rig.done(rig.pipeline(Failing(rig.twin, FhirRejected("writing: 422"), mark="|DocumentReference/d4")))
    assert done.progress.report.to_json()["documents"] == {"written": 5, "empty": 3, "failed": 1}
    (failed,) = done.progress.report.failed
    assert failed == ("DocumentReference/d4", "FhirRejected", "writing: 422")
    assert done.progress.position == {"0": 9}


async def test_an_error_that_no_other_record_would_be_spared_ends_it_before_the_record(rig: Any) -> None:
    error = FhirUnauthorized("401")
    work = rig.remap(rig.pipeline(Failing(rig.twin, error, mark="|DocumentReference/d4")))
    with pytest.raises(FhirUnauthorized):
        await work.run(rig.stored())
    assert (work.progress.position or {"0": 0})["0"] <= 4


class Stopping(Passing):
    """A server that tells when it is asked to write, and then waits."""

    def __init__(self, server: FhirServer, after: int) -> None:
        super().__init__(server)
        self.left, self.reached, self.may = after, asyncio.Event(), asyncio.Event()

    async def transact(self, bundle: Json) -> Json:
        self.left -= 1
        if self.left < 0:
            self.reached.set()
            await self.may.wait()
        return await super().transact(bundle)


@pytest.mark.parametrize("after", [1, 3, 5])
@pytest.mark.parametrize("killed", [True, False])
async def test_after_a_stop_or_a_kill_it_goes_on_and_comes_to_the_same(rig: Any, after: int, killed: bool) -> None:
    whole = (await rig.tried()).progress.report.to_json()
    server = Stopping(rig.twin, after)
    work = rig.remap(rig.pipeline(server), at_once=2)
    running = asyncio.create_task(work.run(rig.stored()))
    await server.reached.wait()
    work.stop()
    if killed:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    else:
        server.may.set()
        await running
    assert work.stopped
    assert 0 <= (work.progress.position or {"0": 0})["0"] < 9
    going_on = rig.remap(rig.pipeline(), Progress(work.progress.position, work.progress.report))
    await going_on.run(rig.stored(going_on.progress))
    told = going_on.progress.report.to_json()
    assert sum(told["documents"].values()) == 9
    assert {f: sum(kinds.values()) for f, kinds in told["resources"].items()} == {
        f: sum(kinds.values()) for f, kinds in whole["resources"].items()
    }
    assert (await rig.done()).progress.report.to_json()["documents"] == {"unchanged": 6, "empty": 3}


async def test_beside_a_consumer_that_publishes_newer_versions_nothing_older_is_laid_over_them(rig: Any) -> None:
    await rig.done()
    colon = "ASSESSMENT: Colon adenocarcinoma, EGFR L858R."
    newer = [await rig.read(number, 2, colon) for number in range(9)]
    live = rig.pipeline()

    async def publish() -> None:
        for record in newer:
            while True:
                try:
                    await live.publish(record)
                except FhirUnavailable:
                    continue
                break

    await asyncio.gather(publish(), rig.done(rig.pipeline(stage=None)))
    rig.records = newer
    assert (await rig.done()).progress.report.to_json()["documents"] == {"unchanged": 9}


async def test_it_goes_no_faster_than_it_may(rig: Any) -> None:
    began = asyncio.get_running_loop().time()
    await rig.done(rate=50.0)
    assert asyncio.get_running_loop().time() - began >= 8 / 50
