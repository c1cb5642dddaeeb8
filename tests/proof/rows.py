"""What is proved, a row each: what it writes, and which figures must come of it."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence

from documents import PATIENTS, amended, lives
from edits import KINDS, Edited, edit, remapped, to_edit
from oracle import Known, compare, done_in_order, state_of
from stand import MODEL, Figure, Stand, Tally, do, each_of, publish, put, say
from write import Race

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.errors import MedieError
from medie_fhir.model import ExtractionRecord, Json, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.wiring import assemble_pipeline

__all__ = ["ROWS", "Row"]

Row = Callable[[Stand, int, int], Awaitable[list[Figure]]]
"""The stand, the size, and how many are written at once → figures."""
_WRITERS = 20
_ROUNDS = 5
_AS_FAST = 0.9


async def replay(stand: Stand, size: int, at_once: int) -> list[Figure]:
    """Documents written once, and all again twice, each time by a process that starts: no version more."""
    events = [versions[0] for versions in amended(size, 1, seed=1)]
    await stand.write(PATIENTS)
    tally = Tally()

    async def pass_() -> Counter[str]:
        async with stand.pipeline() as pipeline:
            await each_of(events, lambda value: do(pipeline, tally, value), at_once)
        counted: Counter[str] = Counter()

        async def count(place: str) -> None:
            counted[place] = await stand.history(place)

        await each_of(await stand.versions(), count, at_once)
        return counted

    first = await pass_()
    say(f"{size} documents written: {len(first)} resources")
    again = await pass_()
    say(f"and again: {again.total()} versions of {len(again)} resources")
    again = await pass_()
    return [
        Figure("replay: documents", size, "documents", "", ok=True),
        Figure("replay: resources", len(first), "resources", f">= {3 * size}", len(first) >= 3 * size),
        _none("replay: new versions after two replays", (again - first).total(), "versions"),
        _none("replay: resources lost by two replays", (first - again).total(), "versions"),
        _none("replay: errors", tally.errors.total(), "errors"),
    ]


async def random_lives(stand: Stand, size: int, at_once: int) -> list[Figure]:
    """Lives of documents, shuffled and told twice: what stands, version by version, is what the oracle has."""
    corpus = lives(size, seed=2)
    say(f"{len(corpus.events)} events of {size} lives, one after another on the twin …")
    expected = await done_in_order(corpus, Known(MODEL), stand.settings())
    (await stand.http.post(stand.base_url, json=corpus.seed)).raise_for_status()
    by_life = defaultdict(list)
    for event in corpus.events:
        by_life[event.key].append(event)
    tally = Tally()
    async with stand.pipeline() as pipeline:

        async def live(key: bytes | None) -> None:
            for event in by_life[key]:
                await do(pipeline, tally, event.value, event.key, event.timestamp_ms)

        await each_of(by_life, live, at_once)
    should = {place: versions for place, versions in expected.state.items() if _is_of_a_document(place)}
    seen = await stand.state()
    verdict = compare(should, seen)
    refused = Counter(kind for _, kind in corpus.refused.values())
    return [
        Figure("lives: documents", len(corpus.holds), "documents", "", ok=True),
        Figure("lives: events", len(corpus.events), "events", "", ok=True),
        Figure("lives: resources", len(seen), "resources", str(len(should)), len(seen) == len(should)),
        _none("lives: versions lost", verdict.lost, "versions"),
        _none("lives: versions too many", verdict.duplicated, "versions"),
        _none("lives: resources that end with another content", verdict.out_of_order, "resources"),
        _none("lives: deleted", sum(versions.count("deleted") for versions in seen.values()), "resources"),
        _none("lives: errors but those drawn", (tally.errors - refused).total(), "errors"),
    ]


async def writers(stand: Stand, size: int, at_once: int) -> list[Figure]:
    """Many writers on the same documents at once: what stands is what one writer alone comes to."""
    del at_once
    await stand.write(PATIENTS)
    records = await _records(stand, size, versions=2)
    alone = FhirTwin()
    await alone.transact(put(PATIENTS))
    by_one = _twin_pipeline(stand, alone)
    for record in _in_turn(records, 0):
        await by_one.publish(record)
    tallies = [Tally() for _ in range(_WRITERS)]

    async def write(number: int) -> None:
        mine, tally = _in_turn(records, number // 4), tallies[number]  # four at a time take the same way
        async with stand.pipeline() as pipeline:
            for record in mine:
                try:
                    await publish(pipeline, tally, record)
                except MedieError as error:
                    tally.errors[type(error).__name__] += 1

    await each_of(range(_WRITERS), write, _WRITERS)
    should = {place: versions for place, versions in state_of(alone).items() if _is_of_a_document(place)}
    verdict = compare(should, await stand.state())
    conflicts, outages = sum(t.conflicts for t in tallies), sum(t.outages for t in tallies)
    errors = sum((t.errors for t in tallies), Counter[str]())
    return [
        Figure("writers: at once", _WRITERS, "writers", "", ok=True),
        Figure("writers: documents", size, "documents", "", ok=True),
        Figure("writers: conflicts, resolved", conflicts, "conflicts", "", ok=True),
        Figure("writers: outages (5xx, 429, no answer), resolved", outages, "outages", "", ok=True),
        _none("writers: versions lost", verdict.lost, "versions"),
        _none("writers: versions too many", verdict.duplicated, "versions"),
        _none("writers: resources that end with another content", verdict.out_of_order, "resources"),
        _none("writers: errors left", errors.total(), "errors"),
    ]


async def edits(stand: Stand, size: int, at_once: int) -> list[Figure]:
    """Resources that a person has worked on stay as they are, over a replay and over another mapping's version."""
    events = [versions[0] for versions in amended(size, 1, seed=4)]
    await stand.write(PATIENTS)
    tally = Tally()

    async def pass_(configuration: Configuration | None = None) -> None:
        async with stand.pipeline(configuration) as pipeline:
            await each_of(events, lambda value: do(pipeline, tally, value), at_once)

    await pass_()
    written = await stand.versions()
    edited = [await edit(stand, *chosen) for chosen in to_edit(list(written), size)]
    await pass_()
    over_replay = [await one.is_kept(stand) for one in edited]
    with remapped(stand.settings()) as configuration:
        await pass_(configuration)
    over_remap = [await one.is_kept(stand) for one in edited]
    for kind in KINDS:
        places = [number for number, one in enumerate(edited) if one.kind == kind]
        kept = [sum(each[n] for n in places) for each in (over_replay, over_remap)]
        say(f"{kind}: {len(places)} edited, kept over a replay {kept[0]}, and over another mapping {kept[1]}")
    anew = _written_anew(written, await stand.versions(), edited)
    return [
        Figure("edits: kept over a replay", sum(over_replay), "resources", str(size), sum(over_replay) == size),
        Figure("edits: kept over a remap", sum(over_remap), "resources", str(size), sum(over_remap) == size),
        Figure("edits: others that the remap wrote anew", anew, "resources", f">= {size}", anew >= size),
        _none("edits: errors", tally.errors.total(), "errors"),
    ]


async def throughput(stand: Stand, size: int, at_once: int) -> list[Figure]:
    """The writer, and all of publishing, against a bare httpx loop that posts the same ready-made Bundles, in turns."""
    race = Race(stand.base_url, size, at_once)
    await race.prepare()
    await race.run(_ROUNDS)
    figures = []
    for row in race.rows():
        name, unit = f"throughput: {row['name']}", row["unit"]
        figures.append(Figure(name, row["value"], unit, "", ok=True))
        figures.append(Figure(f"{name}, bare loop", row["baseline"], unit, "", ok=True))
    ratio = race.rows()[0]["ratio"]
    return [*figures, Figure("throughput: the writer / the bare loop", ratio, "", ">= 0.9", ratio >= _AS_FAST)]


ROWS: dict[str, tuple[Row, int]] = {
    "replay": (replay, 500),
    "lives": (random_lives, 200),
    "writers": (writers, 50),
    "edits": (edits, 50),
    "throughput": (throughput, 200),
}
"""By name: the row, and its size in documents."""


# --- parts ------------------------------------------------------------------------------------------------------------


def _none(name: str, value: int, unit: str) -> Figure:
    return Figure(name, value, unit, "0", value == 0)


def _is_of_a_document(place: str) -> bool:
    return place.split("/", maxsplit=1)[0] not in ("Patient", "Binary", "Device")


def _twin_pipeline(stand: Stand, twin: FhirTwin) -> Pipeline:
    settings = stand.settings()
    return assemble_pipeline(settings, Configuration(settings), model=Known(MODEL), source=twin, target=twin)


async def _records(stand: Stand, documents: int, versions: int) -> list[list[ExtractionRecord]]:
    """The ready extraction records of each document's versions, in order."""
    pipeline, ready = _twin_pipeline(stand, FhirTwin()), []
    for events in amended(documents, versions, seed=3):
        parsed = [event for value in events for event in await pipeline.events(value)]
        ready.append([await pipeline.extract(event) for event in parsed if isinstance(event, NoteEvent)])
    return ready


def _in_turn(records: Sequence[Sequence[ExtractionRecord]], seed: int) -> list[ExtractionRecord]:
    """Each document's versions in order, the documents in an order of this writer's own."""
    mixed = list(records)
    random.Random(seed).shuffle(mixed)
    return [record for versions in mixed for record in versions]


def _written_anew(
    before: Mapping[str, Sequence[Json | None]], now: Mapping[str, Sequence[Json | None]], edited: Sequence[Edited]
) -> int:
    """How many facts that nobody edited have a version more than before."""
    others = before.keys() - {one.place for one in edited}
    return sum(len(now[p]) > len(before[p]) for p in others if p.startswith(("Condition/", "Observation/")))
