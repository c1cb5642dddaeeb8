"""Three brokers, three replicas: the death of one costs time and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from consumers.broker import TopicPartition
from consumers.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka


@pytest.fixture
def kafka_address(kafka_cluster) -> str:
    return kafka_cluster.address


@pytest.fixture
def broker(kafka_address) -> KafkaBroker:
    return KafkaBroker(kafka_address, session_timeout_s=30.0, bootstrap_timeout_s=20.0)


def test_writing_and_reading_go_on_when_the_leader_of_a_partition_is_killed(broker, kafka_cluster, admin, name, join):
    broker.create_topics({name: 1})
    [partition] = admin.describe_topics([name])[0]["partitions"]
    assert len(partition["replica_nodes"]) == 3
    leader = kafka_cluster.nodes[partition["leader_id"] - 1]
    member = join(name, name)
    member.wait(lambda m: m.owned)

    async def send_and_kill() -> list[bytes]:
        producer, values = broker.producer(), [str(number).encode() for number in range(60)]
        for number, value in enumerate(values):
            if number == 20:
                leader.kill()
            await producer.send(name, key=b"k", value=value)
        producer.close()
        return values

    values = asyncio.run(send_and_kill())
    member.wait(lambda m: len({x.value for x in m.messages}) == 60)
    assert list(dict.fromkeys(m.value for m in member.messages)) == values  # none is lost, none overtakes another
    part, end = TopicPartition(name, 0), member.messages[-1].offset + 1
    member.do(lambda c: c.commit({part: end}))
    assert leader.pid is None
    leader.start()
    assert broker.progress(name, name) == {part: (end, end)}
