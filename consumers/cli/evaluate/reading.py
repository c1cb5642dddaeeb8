"""The pipeline's reading of gold notes: each note's record and what it took, with progress, resumable."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path

from consumers.cli.evaluate.run_file import Run, RunHeader, RunLine, RunWriter
from consumers.cli.extract import read_note
from consumers.cli.options import err, progress
from medie_fhir import __version__
from medie_fhir.configuration import Configuration
from medie_fhir.described import NO_MODEL
from medie_fhir.errors import MedieError, NoteSkipped, Policy
from medie_fhir.evaluation import GoldNote
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelDescription
from medie_fhir.reading import LEXICON, MODEL
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped
from medie_fhir.wiring import open_pipeline

__all__ = ["Chosen", "read_notes", "with_readers"]

_SUBJECT = "Patient/evaluated"
_TOLD_EVERY_SECONDS = 30.0  # where nobody watches a bar move


class Chosen(StrEnum):
    """Who reads."""

    BOTH = "both"
    MODEL = MODEL
    LEXICON = LEXICON


def with_readers(settings: Settings, readers: Chosen | None) -> Settings:
    """The settings, with the readers that are asked for."""
    if readers is None:
        return settings
    return settings.model_copy(update={"readers": (LEXICON, MODEL) if readers is Chosen.BOTH else (readers.value,)})


async def read_notes(
    settings: Settings,
    configuration: Configuration,
    notes: Sequence[GoldNote],
    *,
    gold: str,
    save: Path | None,
) -> Run:
    """The run of the notes. ``gold``: the gold file's SHA-256; ``save``: where to keep it, or to go on with it.

    What one note meets is its line's error; what all would meet ends the run. Raises ModelError, DependencyMissing.
    """
    asks = MODEL in settings.readers
    async with open_pipeline(settings, configuration=configuration, with_model=asks, with_target=False) as pipeline:
        header = _header(pipeline, await pipeline.model.describe() if asks else NO_MODEL, configuration, gold)
        with RunWriter(save, header) if save else nullcontext() as writer:
            lines = dict(writer.done) if writer else {}
            left = [note for note in notes if note.id not in lines]
            reading = _Reading(pipeline, left, writer, total=len(notes))
            await reading.all(settings.model.concurrency if settings.model.base_url else 1)
        lines |= reading.lines
    return Run(header=header, lines={note.id: lines[note.id] for note in notes})


def _header(pipeline: Pipeline, model: ModelDescription, configuration: Configuration, gold: str) -> RunHeader:
    task, lexicon = configuration.task, configuration.lexicon
    return RunHeader(
        software=f"medie-fhir {__version__}",
        task=task.label,
        task_digest=task.digest,
        fields=tuple(task.fields),
        model=model.model,
        adapter=model.adapter,
        adapter_digest=model.adapter_digest,
        server=model.server,
        readers=tuple(sorted(pipeline.options.readers)),
        lexicon=lexicon.digest if lexicon else None,
        calibration=configuration.calibration.digest if configuration.calibration else None,
        cues=hashlib.sha256(shipped("schemas", "context", "cues.csv").read_bytes()).hexdigest(),
        tables=configuration.tables.digest,
        mapping=configuration.mapping.label,
        gold=gold,
    )


class _Reading:
    """Some workers that take notes until none is left."""

    def __init__(self, pipeline: Pipeline, notes: Sequence[GoldNote], writer: RunWriter | None, *, total: int) -> None:
        self.lines: dict[str, RunLine] = {}
        self._pipeline, self._writer = pipeline, writer
        self._left: Iterator[GoldNote] = iter(notes)
        self._count, self._earlier = len(notes), total - len(notes)
        self._began = self._told = time.perf_counter()

    async def all(self, workers: int) -> None:
        """Read them. Raises ModelError where no note can be read."""
        with progress() as bar:
            task = bar.add_task("notes", total=self._earlier + self._count, completed=self._earlier)
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(workers):
                        group.create_task(self._work(lambda: bar.advance(task)))
            except BaseExceptionGroup as errors:
                raise _first(errors) from None

    async def _work(self, advance: Callable[[], None]) -> None:
        for note in self._left:
            line = await self._read(note)
            self.lines[note.id] = line
            if self._writer:
                self._writer.add(line)
            advance()
            self._tell()

    async def _read(self, note: GoldNote) -> RunLine:
        began = time.perf_counter()
        try:
            record = await read_note(self._pipeline, note.id, note.text, _SUBJECT)
        except MedieError as error:
            if error.policy not in (Policy.SKIP, Policy.DEAD_LETTER):
                raise
            kind = error.reason if isinstance(error, NoteSkipped) else type(error).__name__
            err.print(f"{note.id}: {kind}", highlight=False)
            return RunLine(id=note.id, seconds=_since(began), error=kind)
        return RunLine(id=note.id, seconds=_since(began), record=record)

    def _tell(self) -> None:
        now, done = time.perf_counter(), len(self.lines)
        if err.is_terminal or now - self._told < _TOLD_EVERY_SECONDS:
            return
        self._told = now
        left = (now - self._began) / done * (self._count - done)
        err.print(f"{self._earlier + done} of {self._earlier + self._count} notes, {left:.0f} s left", highlight=False)


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 3)


def _first(errors: BaseExceptionGroup) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
