"""The sample stream keeps its promises: built from its sources, true to its hashes, and as hard as it says."""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import importlib.util
import json
import re
import shutil
from collections import Counter
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.documentreference import DocumentReference

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
NOTES = ROOT / "examples" / "notes"
INDEX = yaml.safe_load((NOTES / "index.yaml").read_text(encoding="utf-8"))
ENTRIES: list[Json] = INDEX["events"]
RECORDS: list[Json] = [json.loads(line) for line in (NOTES / "events.jsonl").read_text(encoding="utf-8").splitlines()]
GOLD: list[Json] = [json.loads(line) for line in (NOTES / "gold.jsonl").read_text(encoding="utf-8").splitlines()]
STREAM = list(zip(ENTRIES, RECORDS, strict=True))
MALIGNANCY = re.compile(
    r"cancer|carcin|tumou?r|neoplas|malignan|metasta|oncolog|leuka?emi|lymphom|melanom|sarcom|myelom|chemo|biops"
    r"|\bmass\b|lesion",
    re.IGNORECASE,
)


def name(case: tuple[Json, Json]) -> str:
    return f"{case[0]['document']}-v{case[0].get('version', 'deleted')}"


def with_outcome(*outcomes: str) -> list[tuple[Json, Json]]:
    return [case for case in STREAM if case[0]["outcome"] in outcomes]


def attachment(record: Json) -> Json:
    found: Json = record["value"]["content"][0]["attachment"]
    return found


def content(record: Json) -> bytes:
    """The bytes of an attachment, inline or behind its relative URL."""
    if "url" not in attachment(record):
        return base64.b64decode(attachment(record)["data"], validate=True)
    bundle = json.loads((NOTES / "binaries.json").read_text(encoding="utf-8"))
    data = {entry["request"]["url"]: entry["resource"]["data"] for entry in bundle["entry"]}
    return base64.b64decode(data[attachment(record)["url"]], validate=True)


def source(entry: Json) -> str:
    return NOTES.joinpath(entry["file"]).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_sample_notes", ROOT / "scripts" / "build_sample_notes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- the build ------------------------------------------------------------------------------------------------------


def test_the_built_files_are_up_to_date(script: ModuleType) -> None:
    said: list[str] = []
    assert script.main(["--check"], said.append) == 0, said


def test_a_changed_source_is_found_by_the_check_and_mended_by_the_build(script: ModuleType, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    shutil.copytree(NOTES, notes)
    changed = notes / "text" / "29-thyroid-phone-note.txt"
    changed.write_text(changed.read_text(encoding="utf-8") + "Addendum.\n", encoding="utf-8")
    said: list[str] = []
    assert script.main(["--check", "--notes", str(notes)], said.append) == 1
    assert [line.split()[0] for line in said] == ["events.jsonl", "gold.jsonl"]
    assert script.main(["--notes", str(notes)], said.append) == 0
    assert script.main(["--check", "--notes", str(notes)], said.append) == 0


# --- what is promised -----------------------------------------------------------------------------------------------


def test_the_outcomes_are_as_many_as_the_readme_says() -> None:
    outcomes = Counter(entry["outcome"] for entry in ENTRIES)
    assert outcomes == {"accepted": 30, "retracted": 2, "skipped": 2, "dead-letter": 1}
    readme = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    documents = {entry["document"] for entry in ENTRIES}
    assert (
        f"{len(ENTRIES)} Kafka records about {len(documents)} documents of {len(INDEX['patients'])} patients" in readme
    )
    assert f"with {len({entry['cancer'] for entry in ENTRIES if 'cancer' in entry})} kinds of cancer" in readme
    gone = {entry["document"] for entry in ENTRIES if entry["outcome"] == "retracted"}
    gone |= {entry["replaces"] for entry in ENTRIES if "replaces" in entry}
    accepted = {entry["document"] for entry in ENTRIES if entry["outcome"] == "accepted"}
    assert f"| documents that hold in the end | {len(accepted - gone)} |" in readme
    assert len(accepted - gone) >= 22


def test_at_least_ten_cancers_are_told_of() -> None:
    assert len({entry["cancer"] for entry in ENTRIES if entry["outcome"] == "accepted" and "cancer" in entry}) >= 10


def test_notes_are_five_to_sixty_lines_long() -> None:
    lengths = [len(source(entry).splitlines()) for entry, _ in with_outcome("accepted")]
    assert min(lengths) >= 5
    assert max(lengths) <= 60


# --- the records ----------------------------------------------------------------------------------------------------


def test_records_come_in_the_order_of_the_index_and_of_time() -> None:
    assert [record["key"] for record in RECORDS] == [f"DocumentReference/{entry['document']}" for entry in ENTRIES]
    times = [datetime.fromisoformat(record["timestamp"]) for record in RECORDS]
    assert times == sorted(set(times))


@pytest.mark.parametrize("case", with_outcome("accepted", "skipped", "retracted"), ids=name)
def test_a_good_document_is_valid_r4(case: tuple[Json, Json]) -> None:
    entry, record = case
    if entry["event"] == "deletion":
        assert record["value"] is None
        return
    document = DocumentReference.model_validate(record["value"])
    assert document.id == entry["document"]
    assert document.status == entry.get("status", "current")
    assert "display" not in record["value"]["author"][0]


@pytest.mark.parametrize("case", with_outcome("accepted"), ids=name)
def test_hash_and_size_are_those_of_the_content(case: tuple[Json, Json]) -> None:
    entry, record = case
    sent = content(record)
    assert attachment(record)["size"] == len(sent)
    assert base64.b64decode(attachment(record)["hash"]) == hashlib.sha1(sent).digest()
    assert sent.decode(entry.get("charset", "utf-8")) == source(entry)
    assert attachment(record)["contentType"].endswith(f"charset={entry.get('charset', 'utf-8')}")


def test_exactly_one_event_is_broken_for_strict_and_lenient_decoders_alike() -> None:
    [(_, record)] = with_outcome("dead-letter")
    for validate in (True, False):
        with pytest.raises(binascii.Error):
            base64.b64decode(attachment(record)["data"], validate=validate)


def test_what_is_skipped_holds_no_text() -> None:
    image, empty = (attachment(record) for _, record in with_outcome("skipped"))
    assert image["contentType"] == "image/png"
    assert base64.b64decode(image["data"]).startswith(b"\x89PNG")
    assert empty.keys().isdisjoint({"data", "url"})


def test_the_latin_1_note_is_not_utf_8() -> None:
    [sent] = [content(record) for entry, record in STREAM if entry.get("charset") == "iso-8859-1"]
    with pytest.raises(UnicodeDecodeError):
        sent.decode("utf-8")


def test_what_is_taken_back_was_sent_before_and_newer_versions_are_newer() -> None:
    seen: dict[str, Json] = {}
    for entry, record in STREAM:
        document, value = entry["document"], record["value"]
        if entry["outcome"] == "retracted":
            assert document in seen
        if "replaces" in entry:
            assert value["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{entry['replaces']}"
            assert entry["replaces"] in seen
        if document in seen and value is not None:
            assert int(value["meta"]["versionId"]) > int(seen[document]["meta"]["versionId"])
            assert value["meta"]["lastUpdated"] > seen[document]["meta"]["lastUpdated"]
        seen[document] = value


def test_patients_and_binaries_are_valid_transactions_and_cover_the_stream() -> None:
    ids = {}
    for file in ("patients.json", "binaries.json"):
        bundle = json.loads((NOTES / file).read_text(encoding="utf-8"))
        assert Bundle.model_validate(bundle).type == "transaction"
        ids[file] = {entry["request"]["url"] for entry in bundle["entry"] if entry["request"]["method"] == "PUT"}
    documents = [record["value"] for record in RECORDS if record["value"]]
    assert {document["subject"]["reference"] for document in documents} == ids["patients.json"]
    urls = {document["content"][0]["attachment"].get("url") for document in documents} - {None}
    assert urls == ids["binaries.json"]


# --- the notes and their facts --------------------------------------------------------------------------------------


def test_every_accepted_plain_text_note_has_gold() -> None:
    plain = [Path(entry["file"]).stem for entry, _ in with_outcome("accepted") if entry["file"].endswith(".txt")]
    assert [row["id"] for row in GOLD] == plain


@pytest.mark.parametrize("row", GOLD, ids=lambda row: row["id"])
def test_gold_spans_stand_verbatim_in_their_text(row: Json, script: ModuleType) -> None:
    assert tuple(row["gold"]) == script.FIELDS
    assert [span for spans in row["gold"].values() for span in spans if span not in row["text"]] == []


@pytest.mark.parametrize("case", with_outcome("accepted"), ids=name)
def test_a_fact_to_look_for_stands_in_the_note(case: tuple[Json, Json], script: ModuleType) -> None:
    entry, _ = case
    text = " ".join(html.unescape(source(entry)).split()).casefold()
    assert entry["expect"]
    for fact in entry["expect"]:
        assert fact["field"] in script.FIELDS
        assert fact["written"] is ("why" not in fact)
        if fact["written"]:
            assert fact["contains"].casefold() in text


def test_the_amended_note_drops_one_fact_and_adds_one() -> None:
    first, second = (
        {(field, span) for field, spans in row["gold"].items() for span in spans}
        for row in GOLD
        if row["document"] == "note-06"
    )
    assert first - second == {("gene_mutation", "BRAF V600E mutation")}
    assert second - first == {("gene_mutation", "NRAS Q61R mutation")}


@pytest.mark.parametrize("document", ["note-20", "note-21"])
def test_a_note_without_cancer_has_no_word_of_malignancy(document: str) -> None:
    [text] = [source(entry) for entry in ENTRIES if entry["document"] == document]
    assert MALIGNANCY.search(text) is None


def test_every_invented_name_stands_in_a_note() -> None:
    texts = html.unescape("\n".join(source(entry) for entry in ENTRIES if entry.get("file", "").startswith("text/")))
    names = [patient["family"] for patient in INDEX["patients"]] + INDEX["clinicians"]
    assert [found for found in names if found.casefold() not in texts.casefold()] == []
