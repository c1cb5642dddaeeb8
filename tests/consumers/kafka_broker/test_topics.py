"""Whether our topics are there and fit, and making them as they should be, on a real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from consumers.kafka_broker import KafkaBroker
from consumers.kafka_broker.topics import fitness, wanted
from medie_fhir.errors import BrokerRefused, TopicMissing
from medie_fhir.settings import KafkaSettings

pytestmark = pytest.mark.kafka


@pytest.fixture
def kafka(kafka_address, name) -> KafkaSettings:
    return KafkaSettings(
        bootstrap_servers=kafka_address,
        events=f"{name}-events",
        extractions=f"{name}-extractions",
        dead_letters=f"{name}-dead",
        group=name,
        partitions=2,
    )


@pytest.fixture
def broker(kafka) -> KafkaBroker:
    return KafkaBroker.of(kafka, bootstrap_timeout_s=10.0)


@pytest.fixture
def admin(kafka_address) -> Iterator[Any]:
    client = KafkaAdminClient(bootstrap_servers=kafka_address)
    yield client
    client.close()


@pytest.fixture
def make(admin, kafka) -> Callable[..., None]:
    """Make our topics as they should be, but for some configuration of one."""

    def make(but: str | None = None, **configs: str) -> None:
        topics = wanted(kafka)
        if but:
            topics[but]["configs"] |= {key.replace("_", "."): value for key, value in configs.items()}
        admin.create_topics(topics, wait_for_metadata=True)

    return make


def test_topics_that_are_missing_are_named_and_not_made(broker, kafka):
    with pytest.raises(TopicMissing) as told:
        broker.examine(kafka)
    assert all(f"{topic}: not there" in str(told.value) for topic in (kafka.events, kafka.extractions))


def test_where_the_settings_say_so_they_are_made_as_they_should_be(broker, kafka, admin):
    asked = kafka.model_copy(update={"create_topics": True, "max_record_bytes": 2_000_000})
    assert broker.examine(asked) == []
    assert broker.examine(asked) == []  # and then left as they are
    names = (kafka.events, kafka.extractions, kafka.dead_letters)
    assert [len(topic["partitions"]) for topic in admin.describe_topics(names)] == [2, 2, 2]
    configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])["topic"]
    assert configs[kafka.extractions]["cleanup.policy"]["value"] == "compact"
    assert configs[kafka.dead_letters]["retention.ms"]["value"] == "-1"
    assert {configs[name]["max.message.bytes"]["value"] for name in names} == {"2000000"}


def test_a_cluster_that_can_t_make_them_says_what_to_change(broker, kafka):
    asked = kafka.model_copy(update={"create_topics": True, "replication": 7})
    with pytest.raises(BrokerRefused, match=r"kafka\.partitions, replication"):
        broker.examine(asked)


def test_dead_letters_that_are_compacted_would_be_lost_and_are_refused(broker, kafka, make):
    make(kafka.dead_letters, cleanup_policy="compact")
    with pytest.raises(BrokerRefused, match=f"{kafka.dead_letters}: clean-up is compact"):
        broker.examine(kafka)


def test_bundles_are_kept_for_their_reader_all_of_them_and_however_long_it_is_away(broker, kafka, admin):
    asked = kafka.model_copy(update={"create_topics": True, "bundles": f"{kafka.group}-bundles"})
    broker.examine(asked)
    made = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, asked.bundles)])["topic"][asked.bundles]
    assert (made["cleanup.policy"]["value"], made["retention.ms"]["value"]) == ("delete", "-1")
    assert made["max.message.bytes"]["value"] == str(asked.max_record_bytes)


def test_bundles_that_are_compacted_would_lose_what_they_take_back_and_are_refused(kafka, admin, make):
    asked = kafka.model_copy(update={"bundles": f"{kafka.group}-bundles"})
    make()
    compacted = {"num_partitions": 1, "configs": {"cleanup.policy": "compact"}}
    admin.create_topics({asked.bundles: compacted}, wait_for_metadata=True)
    with pytest.raises(BrokerRefused, match=f"{asked.bundles}: clean-up is compact"):
        list(fitness(admin, asked, brokers=1))


def test_extractions_that_vanish_with_time_are_told(broker, kafka, make):
    make(kafka.extractions, cleanup_policy="delete")
    [line] = broker.examine(kafka)
    assert f"{kafka.extractions}: clean-up is delete" in line


def test_a_topic_that_takes_less_than_we_write_is_told(broker, kafka, make):
    make(kafka.dead_letters, max_message_bytes="1000000")
    [line] = broker.examine(kafka)
    assert f"{kafka.dead_letters}: max.message.bytes is 1000000, and kafka.max_record_bytes is 4194304" in line


def test_one_replica_is_told_where_there_could_be_three(admin, kafka, make):
    make()
    assert len([line for line in fitness(admin, kafka, brokers=3) if "one replica on 3 brokers" in line]) == 3
    assert not [*fitness(admin, kafka, brokers=1)]


def test_a_group_that_no_one_has_ever_read_in_is_no_fault(broker, kafka, make):
    make()
    assert broker.examine(kafka) == []
