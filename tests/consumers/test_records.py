"""Stored extraction records: of each document its newest version, from a topic or from files, and from a place on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.records import Position, StoredRecord, stored_records
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import RecordError, SettingsError, TopicMissing
from medie_fhir.model import DocumentInfo, DocumentVersion, ExtractionRecord, Outcome, Produced
from medie_fhir.settings import Settings

PRODUCED = Produced(at="2026-01-02T10:00:00Z", software="s", task="oncology@1", task_digest="d", model="m")


def stored(document: str, version: int | None = None, *, model: str = "m") -> bytes:
    """One record's line."""
    record = ExtractionRecord(
        document=DocumentInfo(
            reference=f"DocumentReference/{document}",
            version=DocumentVersion(version_id=None if version is None else str(version)),
            subject={"reference": "Patient/p"},
        ),
        produced=PRODUCED.model_copy(update={"model": model}),
        outcome=Outcome.EXTRACTED,
    )
    return record.to_json().encode()


async def read(on: Path | str, **more: Any) -> list[StoredRecord]:
    return [one async for one in stored_records(str(on), Settings(), **more)]


def told(found: list[StoredRecord]) -> list[tuple[str, str | None]]:
    return [(f.record.document.reference.removeprefix("DocumentReference/"), version_of(f)) for f in found]


def version_of(found: StoredRecord) -> str | None:
    return found.record.document.version.version_id


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


async def test_of_each_document_only_the_newest_version_is_given_wherever_it_stands(tmp_path: Path) -> None:
    lines = (stored("a", 2), stored("b", 1), stored("a", 1), stored("b", 3))
    assert told(await read(write(tmp_path / "r.ndjson", *lines))) == [("a", "2"), ("b", "3")]


async def test_where_versions_cannot_be_told_apart_the_one_that_stands_later_is_given(tmp_path: Path) -> None:
    file = write(tmp_path / "r.ndjson", stored("a", 1, model="old"), stored("a", 1, model="new"))
    assert [f.record.produced.model for f in await read(file)] == ["new"]


async def test_a_folder_is_read_as_one_store_by_the_names_of_its_files(tmp_path: Path) -> None:
    write(tmp_path / "2.jsonl", stored("c", 1), stored("a", 2))
    write(tmp_path / "1.ndjson", stored("a", 3), stored("b", 1))
    write(tmp_path / "README.md", b"no record")
    found = await read(tmp_path)
    assert told(found) == [("a", "3"), ("b", "1"), ("c", "1")]
    assert [f.position for f in found] == [{"1.ndjson": 2}, {"1.ndjson": 3}, {"2.jsonl": 2}]
    assert {f.total for f in found} == {3}


@pytest.mark.parametrize("line", [b"garbage", b"[]"])
async def test_a_line_that_is_no_json_object_is_told_as_such(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(RecordError, match=r"r\.ndjson:1: .* it is no JSON object; `medie-fhir extract --records FILE"):
        await read(write(tmp_path / "r.ndjson", line))


async def test_a_store_is_read_by_the_records_beside_it_and_without_them_says_how_to_have_them(tmp_path: Path) -> None:
    store = tmp_path / "fhir.sqlite"
    FhirTwin(store).close()
    with pytest.raises(SettingsError, match="medie-fhir demo --store"):
        await read(store)
    write(tmp_path / "fhir.records.ndjson", stored("a", 1))
    assert told(await read(store)) == [("a", "1")]


async def test_a_fhir_server_holds_no_records_and_the_refusal_says_what_does() -> None:
    with pytest.raises(SettingsError, match=r"holds what a mapping made.*topic:NAME"):
        await read("http://localhost:8080/fhir")


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_reading_goes_on_after_any_record_that_was_given(tmp_path: Path, after: int) -> None:
    write(tmp_path / "1.ndjson", stored("a", 3), stored("b", 1))
    write(tmp_path / "2.ndjson", stored("c", 1), b"", stored("a", 2))
    whole = await read(tmp_path)
    rest = await read(tmp_path, start=whole[after].position)
    assert [f.record for f in rest] == [f.record for f in whole[after + 1 :]]
    assert all(f.total == len(rest) for f in rest)


async def test_a_byte_order_mark_and_empty_lines_are_no_fault(tmp_path: Path) -> None:
    file = write(tmp_path / "r.ndjson", b"\xef\xbb\xbf" + stored("a"), b"", b"  ", stored("b"))
    assert told(await read(file)) == [("a", None), ("b", None)]


async def test_a_line_that_is_another_json_object_is_told_what_it_lacks_and_has_too_much(tmp_path: Path) -> None:
    file = write(tmp_path / "r.ndjson", b'{"id": "a", "fields": {}}')
    with pytest.raises(RecordError, match="schema: missing document, outcome, produced; unknown fields, id; "):
        await read(file)


@pytest.mark.parametrize("bad", [b"{", b"\xff\xfe", b'{"schema": "medie.extraction/9"}', b"[1]"])
async def test_a_line_that_is_no_record_is_named_and_its_content_is_not(tmp_path: Path, bad: bytes) -> None:
    file = write(tmp_path / "r.ndjson", stored("a"), bad)
    with pytest.raises(RecordError, match=r"r\.ndjson:2: not an extraction record.*extract --records FILE") as raised:
        await read(file)
    assert "medie.extraction/9" not in str(raised.value)


async def test_broken_lines_can_be_counted_and_the_others_read(tmp_path: Path) -> None:
    broken: list[str] = []
    file = write(tmp_path / "r.ndjson", b"{", stored("a"), b"}")
    assert told(await read(file, broken=broken.append)) == [("a", None)]
    assert [line.split(": ")[0] for line in broken] == [f"{file}:1", f"{file}:3"]


async def test_what_is_not_there_is_named_with_what_could_be(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="topic:NAME"):
        await read(tmp_path / "none.ndjson")
    with pytest.raises(SettingsError, match=r"\*\.ndjson"):
        await read(tmp_path)


async def test_a_reading_may_be_left_before_its_end(tmp_path: Path) -> None:
    reading = stored_records(str(write(tmp_path / "r.ndjson", stored("a"), stored("b"))), Settings())
    assert (await anext(reading)).record.document.reference == "DocumentReference/a"
    await reading.aclose()  # type: ignore[attr-defined]
    with pytest.raises(StopAsyncIteration):
        await anext(reading)


# --- a topic, on both brokers alike ---------------------------------------------------------------------------------


async def filled(broker: Any, topic: str, *records: tuple[str, bytes | None]) -> None:
    producer = broker.producer()
    for key, value in records:
        await producer.send(topic, key=key.encode(), value=value)
    producer.close()


async def test_a_topic_is_read_to_its_end_and_tombstones_say_nothing(broker: Any, name: str) -> None:
    broker.create_topics({name: 3})
    records = [(d, stored(d, v)) for v in (2, 1, 3) for d in ("a", "b", "c", "d")]
    await filled(broker, name, *records, ("a", None))
    found = await read(f"topic:{name}", broker=broker)
    assert sorted(told(found)) == [(d, "3") for d in "abcd"]
    assert {f.total for f in found} == {4}


async def test_on_a_topic_reading_goes_on_from_each_partitions_offset(broker: Any, name: str) -> None:
    broker.create_topics({name: 3})
    await filled(broker, name, *((d, stored(d, 1)) for d in "abcdefgh"))
    whole = await read(f"topic:{name}", broker=broker)
    rest = await read(f"topic:{name}", start=whole[4].position, broker=broker)
    assert sorted(told(rest)) == sorted(told(whole[5:]))


async def test_a_newer_version_that_came_after_a_stop_is_given_when_reading_goes_on(broker: Any, name: str) -> None:
    broker.create_topics({name: 1})
    await filled(broker, name, ("a", stored("a", 1)), ("b", stored("b", 1)))
    [first, _] = await read(f"topic:{name}", broker=broker)
    await filled(broker, name, ("a", stored("a", 2)))
    rest = await read(f"topic:{name}", start=first.position, broker=broker)
    assert told(rest) == [("b", "1"), ("a", "2")]


async def test_on_a_topic_what_is_no_record_is_named_by_its_offset(broker: Any, name: str) -> None:
    broker.create_topics({name: 1})
    await filled(broker, name, ("a", stored("a")), ("b", b"{}"))
    with pytest.raises(RecordError, match=rf"{name}\[0\]@1: not an extraction record"):
        await read(f"topic:{name}", broker=broker)


async def test_a_topic_without_a_name_is_that_of_the_settings(broker: Any) -> None:
    settings = Settings.model_validate({"kafka": {"extractions": "extractions-of-nobody"}})
    with pytest.raises(TopicMissing, match="extractions-of-nobody"):
        [_ async for _ in stored_records("topic", settings, broker=broker)]


# --- laws -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def in_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[list[bytes]]], Path]:
    """Lines as a folder of files."""

    def make(files: list[list[bytes]]) -> Path:
        folder = tmp_path_factory.mktemp("store")
        for number, lines in enumerate(files):
            write(folder / f"{number}.ndjson", *lines)
        return folder

    return make


@settings(deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), max_size=6), min_size=1, max_size=3),
    st.data(),
)
async def test_wherever_it_stops_going_on_gives_just_the_rest(
    in_files: Callable[[list[list[bytes]]], Path], files: list[list[tuple[str, int]]], data: st.DataObject
) -> None:
    folder = in_files([[stored(*one) for one in lines] for lines in files])
    whole = await read(folder)
    written = [one for lines in files for one in lines]
    newest = {d: str(max(v for e, v in written if e == d)) for d, _ in written}
    assert dict(told(whole)) == newest
    assert len(whole) == len(newest)
    if whole:
        cut = data.draw(st.integers(0, len(whole) - 1))
        position: Position = whole[cut].position
        assert told(await read(folder, start=position)) == told(whole[cut + 1 :])
