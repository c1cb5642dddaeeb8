"""Transactions as records, on the in-memory broker and on a real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.broker import Broker, Message
from consumers.bundle_topic import BundleTopic
from consumers.dead_letters import document_hash
from consumers.kafka_broker import KafkaBroker
from consumers.memory_broker import MemoryBroker
from medie_fhir.adapters.shadow import Shadow
from medie_fhir.adapters.shadowed import Shadowed
from medie_fhir.errors import BrokerUnavailable, FhirRejected, Policy, RecordTooLarge
from medie_fhir.model import DocumentInfo, Json, Produced
from medie_fhir.telemetry import passing_on
from medie_fhir.transaction import BASE, device, document_id, transaction

PRODUCED = Produced(at="2026-01-01T00:00:00Z", software="s", task="oncology@1", task_digest="d", model="m")
NOT_JSON = transaction([{"resourceType": "Condition", "id": "c", "value": float("nan")}])
MAPPING = "default@1 (abc)"


def about(reference: str, *, copies: bool = True, **fact: Any) -> Json:
    """A transaction as the pipeline makes it: copy, fact, Provenance."""
    document = DocumentInfo(reference=reference)
    place = f"DocumentReference/{document_id(document)}" if copies else reference
    key = {"system": f"{BASE}/document", "value": document.key}
    copy = {"resourceType": "DocumentReference", "id": document_id(document), "identifier": [key]}
    mapping = {"role": "derivation", "what": {"identifier": {"system": f"{BASE}/mapping", "value": MAPPING}}}
    provenance = {
        "resourceType": "Provenance",
        "id": "p1",
        "target": [{"reference": "Condition/c1"}],
        "agent": [{"who": {"reference": f"Device/{device(PRODUCED)['id']}"}}],
        "entity": [{"role": "source", "what": {"reference": place}}, mapping],
    }
    return transaction([*([copy] if copies else []), {"resourceType": "Condition", "id": "c1", **fact}, provenance])


class Site:
    """A broker with the topic on it, and the target."""

    def __init__(self, broker: Broker, topic: str, **options: Any) -> None:
        broker.create_topics({topic: 1})
        self.broker, self.topic = broker, topic
        self.producer = broker.producer()
        self.target = BundleTopic(self.producer, topic, **options)

    def records(self) -> list[Message]:
        return list(self.broker.read(self.topic))


@pytest.fixture
def site(broker: Broker, name: str) -> Iterator[Site]:
    made = Site(broker, name)
    yield made
    made.producer.close()


@pytest.fixture
def memory() -> Callable[..., Site]:
    return lambda **options: Site(MemoryBroker(max_record_bytes=10_000), "bundles", **options)


async def test_a_transaction_is_one_record_under_its_documents_key(site: Site) -> None:
    response = await site.target.transact(about("DocumentReference/1"))
    await site.target.transact(about("DocumentReference/2"))

    first, second = site.records()
    assert json.loads(first.value or b"") == about("DocumentReference/1")
    assert (first.key, second.key) == (b"|DocumentReference/1", b"|DocumentReference/2")
    assert dict(first.headers) == {
        "content-type": b"application/fhir+json",
        "medie.document": document_hash("|DocumentReference/1").encode(),
        "medie.mapping": MAPPING.encode(),
    }
    assert {entry["response"]["status"] for entry in response["entry"]} == {"202 Accepted"}


@pytest.mark.parametrize("copies", [True, False])
async def test_the_key_is_that_of_the_extraction_record(memory: Callable[..., Site], copies: bool) -> None:
    site = memory()
    await site.target.transact(about("DocumentReference/1", copies=copies))

    assert [record.key for record in site.records()] == [DocumentInfo(reference="DocumentReference/1").key.encode()]


async def test_the_device_goes_along_with_every_bundle_that_names_it_and_never_alone(site: Site) -> None:
    made_by = device(PRODUCED)
    response = await site.target.transact(transaction([made_by]))
    await site.target.transact(transaction([{**made_by, "id": "another"}]))
    assert len(response["entry"]) == 1
    assert site.records() == []

    for number in (1, 2):
        await site.target.transact(about(f"DocumentReference/{number}"))

    for record in site.records():
        types = [entry["resource"]["resourceType"] for entry in json.loads(record.value or b"")["entry"]]
        assert types == ["Device", "DocumentReference", "Condition", "Provenance"]


async def test_the_trace_goes_on(memory: Callable[..., Site]) -> None:
    site, parent = memory(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with passing_on({"traceparent": parent}):
        await site.target.transact(about("DocumentReference/1"))

    assert dict(site.records()[0].headers)["traceparent"] == parent.encode()


async def test_what_is_too_large_for_the_topic_is_a_dead_letter(memory: Callable[..., Site]) -> None:
    site = memory()
    with pytest.raises(RecordTooLarge) as told:
        await site.target.transact(about("DocumentReference/1", note=[{"text": "x" * 30_000}]))
    assert told.value.policy is Policy.DEAD_LETTER
    assert site.records() == []


@pytest.mark.kafka
async def test_what_a_real_topic_does_not_take_is_a_dead_letter(kafka_address: str, name: str) -> None:
    site = Site(KafkaBroker(kafka_address, bootstrap_timeout_s=10.0), name)
    with pytest.raises(RecordTooLarge):
        await site.target.transact(about("DocumentReference/1", note=[{"text": "x" * 5_000_000}]))
    site.producer.close()


async def test_a_broker_that_is_away_is_waited_for() -> None:
    producer = KafkaBroker("127.0.0.1:9", bootstrap_timeout_s=0.2).producer()
    with pytest.raises(BrokerUnavailable) as told:
        await BundleTopic(producer, "bundles").transact(about("DocumentReference/1"))
    assert told.value.policy is Policy.RETRY
    producer.close()


@pytest.mark.parametrize("wrong", [{}, {"resourceType": "Bundle", "type": "batch"}, NOT_JSON])
async def test_what_is_no_transaction_or_no_json_is_refused(memory: Callable[..., Site], wrong: Json) -> None:
    site = memory()
    with pytest.raises(FhirRejected):
        await site.target.transact(wrong)
    assert site.records() == []


NAMELESS = {"resourceType": "Condition", "id": "c1"}


@pytest.mark.parametrize("resources", [[], [NAMELESS], [{"resourceType": "Device", "id": "d1"}, NAMELESS]])
async def test_what_is_about_no_document_is_refused_for_it_would_keep_no_order(
    memory: Callable[..., Site], resources: list[Json]
) -> None:
    site = memory()
    with pytest.raises(FhirRejected, match="no document is named") as told:
        await site.target.transact(transaction(resources))
    assert told.value.policy is Policy.DEAD_LETTER
    assert site.records() == []


async def test_with_a_shadow_it_says_nothing_twice_and_finds_what_it_said(
    memory: Callable[..., Site], tmp_path: Path
) -> None:
    site = memory()
    target = Shadowed(site.target, Shadow(tmp_path / "shadow"))
    bundle = about("DocumentReference/1")
    for _ in range(2):
        await target.transact(transaction([device(PRODUCED)]))
        await target.transact(bundle)

    assert len(site.records()) == 1
    place = bundle["entry"][0]["request"]["url"]
    assert len(await target.search("Provenance", {"entity": place})) == 1
    copy = await target.read(*place.split("/"))
    assert copy is not None
    assert copy["identifier"] == [{"system": f"{BASE}/document", "value": "|DocumentReference/1"}]
    await target.aclose()
