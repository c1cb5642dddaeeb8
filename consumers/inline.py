"""A dead letter's record through its worker, in this process: to see why it fails, or that it no longer does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from consumers.broker import Message, Producer
from consumers.dead_letters import Letter, Settled, Settler
from consumers.extract import ExtractWorker
from consumers.outcomes import NoteFailed, Report, policy_of
from consumers.processing import Worker
from consumers.programs import bundle_topic, topics_of
from consumers.publish import PublishWorker
from medie_fhir.errors import Policy
from medie_fhir.settings import Settings
from medie_fhir.wiring import open_pipeline

__all__ = ["STAGES", "Inline", "open_inline", "where"]

STAGES = frozenset({ExtractWorker.stage, PublishWorker.stage})


class Inline:
    """Runs letters' records through their workers."""

    def __init__(self, workers: Iterable[Worker], settler: Settler) -> None:
        self._workers = {worker.stage: worker for worker in workers}
        self._settler = settler

    async def handle(self, letter: Letter, message: Message) -> None:
        """Do a record's whole work once, and settle its letter. What went wrong is raised as it is, and not written."""
        record = await self._settler.original(letter, message)
        stage = letter.facts.stage if letter.facts else ""
        try:
            await self._workers[stage].handle(record)
        except NoteFailed as failed:
            if policy_of(failed.error) is not Policy.SKIP:
                raise failed.error from None
        await self._settler.settle(letter, Settled.REDRIVEN)


@asynccontextmanager
async def open_inline(
    settings: Settings, producer: Producer, settler: Settler, *, with_model: bool
) -> AsyncIterator[Inline]:
    """The workers that the settings describe. ``with_model=False``: for publishing alone, no model is started."""
    topics, report = topics_of(settings.kafka), Report()
    topic = bundle_topic(settings, producer)
    async with open_pipeline(settings, with_model=with_model, topic=topic) as pipeline:
        workers = (ExtractWorker(pipeline, producer, topics, report), PublishWorker(pipeline, report))
        yield Inline(workers, settler)


def where(error: BaseException) -> str:
    """The place in our own code that an error came from, as ``module:line``: the station that failed."""
    place, trace = "?", error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in {"medie_fhir", "consumers"}:
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
