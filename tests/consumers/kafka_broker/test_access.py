"""What the ACLs keep from us, before work and in the middle of it, on a broker with logins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from consumers.broker import Consumer, Message
from consumers.kafka_broker import KafkaBroker
from medie_fhir.errors import BrokerUnavailable, LoginRefused, MemberFenced, TopicForbidden, TopicMissing
from medie_fhir.settings import KafkaSettings

pytestmark = pytest.mark.kafka
PATIENCE_S = 40.0


class Quiet:
    """A listener that gives everything up at once."""

    def assigned(self, partitions: Any) -> None:
        return

    lost = assigned

    def revoked(self, partitions: Any) -> Any:
        return None


@pytest.fixture
def broker(secured) -> KafkaBroker:
    return KafkaBroker.of(secured.settings(), bootstrap_timeout_s=10.0)


@pytest.fixture
def topic(secured, name) -> str:
    """A topic of ours to read and write, and a group of its name to read in."""
    secured.admin.create_topics({name: {"num_partitions": 1}}, wait_for_metadata=True)
    secured.allow("TOPIC", name, "READ", "WRITE")
    secured.allow("GROUP", name, "READ")
    return name


@pytest.fixture
def join(topic) -> Iterator[Callable[..., Consumer]]:
    """A member of the topic's group."""
    consumers: list[Consumer] = []

    def join(broker: KafkaBroker, **options: str) -> Consumer:
        consumer = broker.consumer(topic, topic, **options)
        consumers.append(consumer)
        consumer.subscribe(Quiet())
        return consumer

    yield join
    for consumer in consumers:
        consumer.close()


def send(broker: KafkaBroker, topic: str, *values: bytes) -> None:
    async def all_of_them() -> None:
        producer = broker.producer()
        try:
            for value in values:
                await producer.send(topic, key=b"k", value=value)
        finally:
            producer.close()

    asyncio.run(all_of_them())


def poll(consumer: Consumer, count: int = 1) -> list[Message]:
    """Poll until so many records came, or it raises."""
    deadline, messages = time.monotonic() + PATIENCE_S, []
    while len(messages) < count:
        assert time.monotonic() < deadline
        try:
            messages += consumer.poll(0.5, 10)
        except BrokerUnavailable:  # the loop goes on too
            continue
    return messages


@contextmanager
def changed_password(secured: Any) -> Iterator[None]:
    """Within, our user's password is another."""

    def change(password: str) -> None:
        user = UserScramCredentialUpsertion(secured.users[0], ScramMechanism.SCRAM_SHA_512, password)
        secured.admin.alter_user_scram_credentials([user])

    change("another")
    try:
        yield
    finally:
        change(secured.password)


def with_token(secured: Any, url: str, secret: str) -> KafkaSettings:
    login = {"mechanism": "OAUTHBEARER", "username": None, "password": None}
    return secured.settings(**login, oauth_token_url=url, oauth_client_id=secured.users[0], oauth_client_secret=secret)


@pytest.mark.parametrize("login", ["SCRAM-SHA-512", "PLAIN", "OAUTHBEARER", "mutual TLS"])
def test_who_is_let_in_reads_and_writes(secured, token_server, topic, join, login):
    ways = {
        "OAUTHBEARER": lambda: with_token(secured, token_server.url, secured.password),
        "mutual TLS": secured.mutual,
    }
    broker = KafkaBroker.of(ways.get(login, lambda: secured.settings(mechanism=login))(), bootstrap_timeout_s=10.0)
    send(broker, topic, b"v")
    consumer = join(broker)
    assert [message.value for message in poll(consumer)] == [b"v"]
    assert token_server.asked == (login == "OAUTHBEARER")  # one token for all clients


def test_a_wrong_secret_at_the_token_server_is_a_refused_login(secured, token_server):
    settings = with_token(secured, token_server.url, "wrong")
    with pytest.raises(LoginRefused, match=r"token server 127\.0\.0\.1 refuses us a token .status 401"):
        KafkaBroker.of(settings, bootstrap_timeout_s=0.1).check_topics(["any"])


def test_all_topics_that_are_missing_or_hidden_are_named_at_once(secured, broker, topic):
    secured.allow("TOPIC", f"{topic}-missing", "DESCRIBE")
    with pytest.raises(TopicMissing) as told:
        broker.check_topics([topic, f"{topic}-missing", f"{topic}-hidden"])
    assert f"{topic}-missing: not there" in str(told.value)
    assert f"{topic}-hidden: hidden from us by the ACLs" in str(told.value)
    assert f"{topic}:" not in str(told.value)


def test_a_topic_that_only_is_hidden_is_forbidden(broker, name):
    with pytest.raises(TopicForbidden, match=f"{name}: hidden from us"):
        broker.check_topics([name])


def test_what_must_be_granted_is_known_before_any_record_is_read(secured, broker, topic):
    letters = f"{topic}-dead"
    secured.admin.create_topics([letters], wait_for_metadata=True)
    secured.allow("TOPIC", letters, "DESCRIBE")
    kafka = secured.settings().model_copy(
        update={"events": topic, "extractions": topic, "dead_letters": letters, "group": topic}
    )
    with pytest.raises(TopicForbidden, match=f"{letters}: the ACLs don't grant us WRITE"):
        broker.examine(kafka)
    secured.allow("TOPIC", letters, "WRITE")
    with pytest.raises(TopicForbidden, match=f"group {topic}-extract: grant READ"):
        broker.examine(kafka)
    secured.allow("GROUP", f"{topic}-extract", "READ")
    assert any("DESCRIBE_CONFIGS" in line for line in broker.examine(kafka, ["extract"]))


def test_a_group_that_is_not_ours_to_read_in_is_named(secured, broker, topic):
    consumer = broker.consumer(topic, f"{topic}-other")
    consumer.subscribe(Quiet())
    try:
        with pytest.raises(TopicForbidden, match=f"group {topic}-other: grant READ"):
            poll(consumer)
    finally:
        consumer.close()


def test_read_that_is_revoked_stops_the_consumer_and_a_later_grant_lets_it_go_on(secured, broker, topic, join):
    secured.allow("TOPIC", topic, "DESCRIBE")
    send(broker, topic, b"1")
    consumer = join(broker)
    poll(consumer)
    secured.take("TOPIC", topic, "READ")
    send(broker, topic, b"2")
    with pytest.raises(TopicForbidden, match=f"topic {topic}: grant READ"):
        poll(consumer)
    secured.allow("TOPIC", topic, "READ")
    deadline, values = time.monotonic() + PATIENCE_S, []
    while not values:
        assert time.monotonic() < deadline
        try:
            values = [message.value for message in consumer.poll(0.5, 10)]
        except TopicForbidden:  # the grant is on its way through the cluster
            continue
    assert values == [b"2"]


def test_a_topic_that_is_deleted_under_us_is_missed(secured, broker, topic, join):
    send(broker, topic, b"1")
    consumer = join(broker)
    poll(consumer)
    secured.admin.delete_topics([topic])
    with pytest.raises(TopicMissing, match=f"{topic}: not there"):
        poll(consumer)


def test_a_topic_that_is_hidden_from_us_later_is_forbidden(secured, broker, topic, join):
    send(broker, topic, b"1")
    consumer = join(broker)
    poll(consumer)
    secured.take("TOPIC", topic, "READ", "WRITE")
    with pytest.raises(TopicForbidden):
        poll(consumer)


def test_a_password_that_is_changed_later_is_a_refused_login(secured, broker, topic, join):
    consumer = join(broker)
    with changed_password(secured):
        consumer._doubt.grow()  # as a commit that fails does
        with pytest.raises(LoginRefused):
            poll(consumer)
    send(broker, topic, b"v")
    poll(consumer)


def test_a_member_that_is_fenced_off_learns_it_when_it_commits(broker, topic, join):
    send(broker, topic, b"v")
    first = join(broker, instance_id="one")
    [message] = poll(first)
    second = join(broker, instance_id="one")
    poll(second)
    with pytest.raises(MemberFenced, match=r"kafka\.instance_id"):
        first.commit({message.place: 1})


@pytest.mark.parametrize("grant", [(), ("DESCRIBE",)])
def test_a_topic_that_is_not_ours_to_write_is_forbidden(secured, broker, name, grant):
    secured.admin.create_topics([name], wait_for_metadata=True)
    if grant:
        secured.allow("TOPIC", name, *grant)
    with pytest.raises(TopicForbidden):
        send(broker, name, b"v")


def test_a_topic_that_is_not_there_to_be_written_is_missing_and_no_outage(secured, broker, name):
    secured.allow("TOPIC", name, "WRITE")
    broker._writer["max_block_ms"] = 2500

    async def try_again() -> None:
        producer = broker.producer()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    try:
                        await producer.send(name, key=b"k", value=b"v")
                    except BrokerUnavailable:  # as it looks at first
                        continue
        finally:
            producer.close()

    with pytest.raises(TopicMissing, match=name):
        asyncio.run(try_again())
