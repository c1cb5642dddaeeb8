"""A topic that is deleted and made anew under a running member: its offsets begin at 0 again."""

from __future__ import annotations

import pytest

from consumers.broker import TopicPartition
from consumers.kafka_broker import KafkaBroker
from medie_fhir.errors import OffsetLost

pytestmark = pytest.mark.kafka


@pytest.fixture
def policy() -> str:
    return "earliest"


@pytest.fixture
def broker(kafka_address, policy) -> KafkaBroker:
    return KafkaBroker(kafka_address, session_timeout_s=6.0, bootstrap_timeout_s=10.0, offset_lost=policy)


@pytest.fixture
def member(broker, name, admin, produce, join):
    """A member that has read and committed ten records of a topic that now is another, with three."""
    broker.create_topics({name: 1})
    produce(name, *((b"k", str(number).encode()) for number in range(10)))
    member = join(name, name)
    member.wait(lambda m: len(m.messages) == 10)

    def make_anew(consumer) -> None:
        """In the member's own thread, so that it does not poll meanwhile."""
        consumer.commit({TopicPartition(name, 0): 10})
        admin.delete_topics([name])
        broker.create_topics({name: 1})
        produce(name, *((b"k", value) for value in (b"a", b"b", b"c")))

    member.do(make_anew)
    return member


def test_where_the_settings_allow_it_all_records_of_the_new_topic_are_read(member):
    member.wait(lambda m: len(m.messages) == 13)
    assert [(m.offset, m.value) for m in member.messages[10:]] == [(0, b"a"), (1, b"b"), (2, b"c")]


@pytest.mark.parametrize("policy", ["stop"])
def test_otherwise_the_member_stops_and_says_so(member, name):
    error = member.failure()
    assert isinstance(error, OffsetLost)
    assert f"{name}[0]: the group's offset is 10, but the topic ends at 3: it was made anew" in str(error)
