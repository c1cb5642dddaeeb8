"""A member whose partitions go between two of its words: the client's own thread takes them away at any time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from kafka import KafkaConsumer
from kafka import TopicPartition as ClientPartition
from kafka import errors as client_errors
from kafka.consumer.subscription_state import SubscriptionState
from kafka.structs import OffsetAndMetadata

from consumers.broker import TopicPartition
from consumers.kafka_broker.consumer import GroupConsumer
from consumers.kafka_broker.doubt import Doubt

A, B = TopicPartition("t", 0), TopicPartition("t", 1)
STARTED_AT = 7


class Client(KafkaConsumer):  # type: ignore[misc] # the client has no types
    """The real client's bookkeeping, without its network: a poll raises what a fetch or a validation had found."""

    def __init__(self) -> None:
        self._subscription = SubscriptionState("none")
        self._subscription.subscribe(["t"])
        self.found: BaseException | None = None
        self.goes_while_asked: list[TopicPartition] = []
        self.own(A, B)

    def own(self, *partitions: TopicPartition) -> None:
        self._subscription.assign_from_subscribed([ClientPartition(*p) for p in partitions])
        for state in self._subscription.assignment.values():
            state.seek(STARTED_AT)

    @property
    def rewound(self) -> set[TopicPartition]:
        return {TopicPartition(*p) for p, s in self._subscription.assignment.items() if s.awaiting_reset}

    def poll(self, timeout_ms: int = 0, max_records: int | None = None, update_offsets: bool = True) -> Any:
        del timeout_ms, max_records, update_offsets
        if self.found is not None:
            found, self.found = self.found, None
            raise found
        return {}

    def partitions_for_topic(self, topic: str) -> set[int]:
        del topic
        return {0, 1}

    def beginning_offsets(self, partitions: Iterable[Any], timeout_ms: int | None = None) -> dict[Any, int]:
        del timeout_ms
        if self.goes_while_asked:
            self.own(*({A, B} - set(self.goes_while_asked)))
        return dict.fromkeys(partitions, 10)

    def end_offsets(self, partitions: Iterable[Any], timeout_ms: int | None = None) -> dict[Any, int]:
        del timeout_ms
        return dict.fromkeys(partitions, 20)


class Listener:
    """Remembers what came anew."""

    def __init__(self) -> None:
        self.came: list[frozenset[TopicPartition]] = []

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self.came.append(partitions)

    def revoked(self, partitions: frozenset[TopicPartition]) -> Any:
        raise AssertionError(partitions)

    def lost(self, partitions: frozenset[TopicPartition]) -> None:
        """Before they come anew."""


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def member(client: Client, listener: Listener) -> GroupConsumer:
    member = GroupConsumer(client, "t", "g", doubt=Doubt(lambda: None), revoke_limit_s=1, offset_lost="earliest")
    member._told = listener
    return member


def lost(*partitions: TopicPartition) -> Mapping[Any, int]:
    return {ClientPartition(*p): STARTED_AT for p in partitions}


def test_a_partition_that_went_meanwhile_needs_neither_pause_nor_resume_and_has_no_end(member, client):
    client.own(B)
    member.pause([A, B])
    assert client.paused() == {ClientPartition(*B)}
    member.resume([A, B])
    assert client.paused() == set()
    assert member.high_water(A) is None


def test_a_place_that_was_cut_off_in_a_partition_that_went_meanwhile_rewinds_no_other(member, client, listener):
    cut = OffsetAndMetadata(3, "", 1)
    client.found = client_errors.LogTruncationError({ClientPartition(*A): cut})
    client.own(B)
    assert member.poll(0, 1) == []
    assert client.rewound == set()
    assert listener.came == []


@pytest.mark.parametrize("gone", [A, B])
def test_a_partition_that_goes_while_its_start_is_asked_for_is_left_to_its_next_owner(member, client, listener, gone):
    client.found = client_errors.OffsetOutOfRangeError(lost(A, B))
    client.goes_while_asked = [gone]
    assert member.poll(0, 1) == []
    assert client.rewound == {A, B} - {gone}
    assert listener.came == [{A, B} - {gone}]


def test_a_partition_without_an_offset_that_went_meanwhile_is_left_to_its_next_owner(member, client):
    client.found = client_errors.NoOffsetForPartitionError({ClientPartition(*A), ClientPartition(*B)})
    client.own(B)
    assert member.poll(0, 1) == []
    assert client.rewound == {B}
