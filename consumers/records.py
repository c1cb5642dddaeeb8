"""Extraction records that are kept: on the extractions topic, or in NDJSON files. Of each document its newest version.

Read twice, so that memory holds no record: first who is newest, of each document some hundred bytes, then the records.
What is written to the topic after the beginning is not read: a running consumer publishes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from sys import intern
from typing import Final, NamedTuple, Protocol

from consumers.broker import Broker
from consumers.kafka_broker import KafkaBroker
from consumers.kept_records import is_store, records_beside
from medie_fhir.errors import RecordError, SettingsError
from medie_fhir.model import DocumentVersion, ExtractionRecord
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings

__all__ = ["Position", "StoredRecord", "stored_records"]

Position = Mapping[str, int]
"""How far a reading is: of each partition (or of the one file that is being read) the next offset (or line) to read.

Plain JSON. Files are read in the order of their names: those before the one that is named are done.
"""

_SUFFIXES: Final = (".ndjson", ".jsonl")
_AT_ONCE: Final = 64
_PATIENCE_S: Final = 10.0  # for a broker that doesn't answer: someone is waiting
_BOM: Final = b"\xef\xbb\xbf"


class StoredRecord(NamedTuple):
    """The newest record of a document. ``position`` is after it; ``total`` says how many such this reading gives."""

    record: ExtractionRecord
    position: Position
    total: int = 0


class _Raw(NamedTuple):
    """A record's bytes, in which file or partition they stand, and at which line (from 1) or offset."""

    part: str
    number: int
    value: bytes


class _Store(Protocol):
    remedy: str
    """What to do about what is no record, as the end of a message."""

    def read(self) -> Iterator[_Raw]:
        """All records; of each part in the order of its numbers."""
        ...

    def where(self, raw: _Raw) -> str:
        """A record's place, for messages."""
        ...

    def is_done(self, part: str, number: int, start: Position) -> bool:
        """Whether a place lies before a position."""
        ...

    def after(self, raw: _Raw, position: Position) -> Position:
        """The position after a record that was read at a position."""
        ...


async def stored_records(
    on: str,
    settings: Settings,
    *,
    start: Position | None = None,
    broken: Callable[[str], None] | None = None,
    broker: Broker | None = None,
) -> AsyncGenerator[StoredRecord, None]:
    """The newest record of each document, in the order of the store.

    ``on`` is an NDJSON file, a folder of them (``*.ndjson``, ``*.jsonl``, by name), a store with its records beside it
    (:mod:`consumers.kept_records`), ``topic`` for the settings' extractions, or ``topic:NAME``. Which version is the
    newer its document says; where it can't tell, the one that stands later. ``start``: only those at or after a
    position, which an earlier record has told. ``broken`` hears of the place and fault of what is no record, and
    reading goes on; without it the first such raises RecordError.
    ``broker`` is the cluster of ``settings``, unless given. Raises SettingsError, BrokerError.
    """
    store = await asyncio.to_thread(_store_of, on, settings, broker)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="records") as thread:  # a Kafka client belongs to one
        run = asyncio.get_running_loop().run_in_executor
        newest = await run(thread, _newest, store, broken)
        if start:
            newest = frozenset(place for place in newest if not store.is_done(*place, start))
        position, reading = start or {}, _those(store, newest)
        try:
            while few := await run(thread, lambda: list(islice(reading, _AT_ONCE))):
                for raw in few:
                    position = store.after(raw, position)
                    yield StoredRecord(_parsed(raw, store), position, len(newest))
        finally:
            await run(thread, reading.close)


def _newest(store: _Store, broken: Callable[[str], None] | None) -> frozenset[tuple[str, int]]:
    """Where the newest record of each document stands."""
    found: dict[str, tuple[tuple[str, int], str | None, str | None]] = {}
    for raw in store.read():
        try:
            document = _parsed(raw, store).document
        except RecordError as error:
            if broken is None:
                raise
            broken(str(error))
            continue
        version, known = document.version, found.get(document.key)
        if known and version.older_than(DocumentVersion(version_id=known[1], last_updated=known[2])):
            continue
        found[document.key] = (raw.part, raw.number), version.version_id, version.last_updated
    return frozenset(place for place, *_ in found.values())


def _those(store: _Store, newest: frozenset[tuple[str, int]]) -> Generator[_Raw, None, None]:
    """The records at these places; a generator, so that what it reads from is let go with it."""
    yield from (raw for raw in store.read() if (raw.part, raw.number) in newest)


def _parsed(raw: _Raw, store: _Store) -> ExtractionRecord:
    try:
        return Pipeline.record(raw.value)
    except RecordError as error:
        raise RecordError(f"{store.where(raw)}: {error}{store.remedy}") from None


def _store_of(on: str, settings: Settings, broker: Broker | None) -> _Store:
    kind, _, name = on.partition(":")
    if kind == "topic":
        cluster = broker or KafkaBroker.of(settings.kafka, bootstrap_timeout_s=_PATIENCE_S)
        return _Topic(cluster, name or settings.kafka.extractions)
    if kind in ("http", "https"):
        raise SettingsError(
            "a FHIR server holds what a mapping made, and not the extraction records that it was made of: name these,"
            " as topic, topic:NAME, an NDJSON file, a folder of them, or the store of `medie-fhir demo`"
        )
    path = Path(on)
    if is_store(path):
        return _Files([_of_store(path)])
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.suffix in _SUFFIXES and f.is_file())
        if not files:
            raise SettingsError(f"{on}: holds no {' and no '.join(f'*{s}' for s in _SUFFIXES)}")
        return _Files(files)
    if not path.is_file():
        raise SettingsError(f"{on}: no such file or folder; a topic is written topic or topic:NAME")
    return _Files([path])


def _of_store(store: Path) -> Path:
    file = records_beside(store)
    if not file.is_file():
        raise SettingsError(
            f"{store}: {file.name} is not beside it, and nothing else tells what its resources were made of; for the"
            f" demo's store: medie-fhir demo --store {store} keeps it"
        )
    return file


class _Topic:
    remedy = "; is it the topic of the extractions?"

    def __init__(self, broker: Broker, name: str) -> None:
        self._broker, self._name = broker, name

    def read(self) -> Iterator[_Raw]:
        """All but compaction's tombstones, which say nothing of a document."""
        for message in self._broker.read(self._name):
            if message.value is not None:
                yield _Raw(intern(str(message.partition)), message.offset, message.value)

    def where(self, raw: _Raw) -> str:
        return f"{self._name}[{raw.part}]@{raw.number}"

    def is_done(self, part: str, number: int, start: Position) -> bool:
        return number < start.get(part, 0)

    def after(self, raw: _Raw, position: Position) -> Position:
        return {**position, raw.part: raw.number + 1}


class _Files:
    remedy = "; `medie-fhir extract --records FILE NOTE …` writes records, and so do the extractions topic and the demo"

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = {file.name: file for file in files}

    def read(self) -> Iterator[_Raw]:
        """All lines that are not empty."""
        for name, file in self._files.items():
            try:
                with file.open("rb") as lines:
                    for number, line in enumerate(lines, start=1):
                        value = line.removeprefix(_BOM) if number == 1 else line
                        if value.strip():
                            yield _Raw(name, number, value)
            except OSError as error:
                raise SettingsError(f"{file}: can't be read: {error.strerror}") from None

    def where(self, raw: _Raw) -> str:
        return f"{self._files[raw.part]}:{raw.number}"

    def is_done(self, part: str, number: int, start: Position) -> bool:
        return (part, number) < max(start.items())

    def after(self, raw: _Raw, position: Position) -> Position:
        del position
        return {raw.part: raw.number + 1}
