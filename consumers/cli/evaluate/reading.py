"""The pipeline's reading of gold notes: each note's record and what it took, with progress, resumable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import typer

from consumers.cli.evaluate.run_file import Run, RunHeader, RunLine, RunWriter
from consumers.cli.extract import read_note
from consumers.cli.options import err, progress
from medie_fhir import __version__
from medie_fhir.errors import MedieError, NoteSkipped, Policy
from medie_fhir.evaluation import GoldNote
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings
from medie_fhir.wiring import Configuration, open_pipeline

__all__ = ["read_notes", "with_readers"]

_SUBJECT = "Patient/evaluated"
_TOLD_EVERY_SECONDS = 30.0  # where nobody watches a bar move


def with_readers(settings: Settings, readers: str | None) -> Settings:
    """The settings, with the readers that are asked for. The one place that knows how readers are chosen."""
    if readers not in {None, "model"}:
        raise typer.BadParameter(f"{readers}: no such reader; there is: model", param_hint="--readers")
    return settings


async def read_notes(
    settings: Settings,
    configuration: Configuration,
    notes: Sequence[GoldNote],
    *,
    gold: str,
    readers: str | None,
    save: Path | None,
) -> Run:
    """The run of the notes. ``gold``: the gold file's SHA-256; ``save``: where to keep it, or to go on with it.

    What one note meets is its line's error; what all would meet ends the run. Raises ModelError, DependencyMissing.
    """
    async with open_pipeline(settings, configuration=configuration, with_target=False) as pipeline:
        header = await _header(pipeline, gold, readers)
        with RunWriter(save, header) if save else nullcontext() as writer:
            lines = dict(writer.done) if writer else {}
            left = [note for note in notes if note.id not in lines]
            reading = _Reading(pipeline, left, writer, total=len(notes))
            await reading.all(settings.model.concurrency if settings.model.base_url else 1)
        lines |= reading.lines
    return Run(header=header, lines={note.id: lines[note.id] for note in notes})


async def _header(pipeline: Pipeline, gold: str, readers: str | None) -> RunHeader:
    model, task = await pipeline.model.describe(), pipeline.task
    return RunHeader(
        software=f"medie-fhir {__version__}",
        task=f"{task.name}@{task.version}",
        task_digest=task.digest,
        fields=pipeline.fields,
        model=model.model,
        adapter=model.adapter,
        adapter_digest=model.adapter_digest,
        server=model.server,
        tables=pipeline.tables.digest,
        mapping=pipeline.mapping.label,
        readers=readers,
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
            except* MedieError as errors:
                raise _first(errors) from None

    async def _work(self, advance: object) -> None:
        for note in self._left:
            line = await self._read(note)
            self.lines[note.id] = line
            if self._writer:
                self._writer.add(line)
            if callable(advance):
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


def _first(errors: BaseExceptionGroup[MedieError]) -> MedieError:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
