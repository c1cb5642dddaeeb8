"""What the client raises, said in our own words."""

from __future__ import annotations

import inspect

import pytest
from kafka import errors as client_errors

from consumers.kafka_broker.failures import ours, translated
from medie_fhir.errors import (
    BrokerError,
    BrokerUnavailable,
    LoginRefused,
    MemberFenced,
    Policy,
    RecordTooLarge,
    TopicForbidden,
    TopicMissing,
)

EVERY = [
    kind for _, kind in inspect.getmembers(client_errors, inspect.isclass) if issubclass(kind, client_errors.KafkaError)
]


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_of_the_client_is_one_of_ours_and_its_text_is_left_out(kind):
    error = client_errors.KafkaError.__new__(kind)
    error.args = ("what the note says",)
    told = ours(error, "polling", topic="t", group="g")
    assert isinstance(told, BrokerError)
    assert "note" not in str(told)
    if issubclass(kind, client_errors.RetriableError):
        assert told.policy is Policy.RETRY


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (client_errors.GroupAuthorizationFailedError(), TopicForbidden, "group g: grant READ"),
        (client_errors.TopicAuthorizationFailedError(), TopicForbidden, "topic t: grant"),
        (client_errors.KafkaError("failed: ClusterAuthorizationFailedError"), TopicForbidden, "topic t: grant"),
        (client_errors.FencedInstanceIdError(), MemberFenced, "kafka.instance_id"),
        (client_errors.SaslAuthenticationFailedError(), LoginRefused, "kafka.security"),
        (client_errors.InvalidTopicError(), TopicMissing, "the name t"),
        (client_errors.MessageSizeTooLargeError(), RecordTooLarge, "larger"),
        (client_errors.KafkaTimeoutError(), BrokerUnavailable, "not possible at present"),
    ],
)
def test_a_person_is_told_what_to_mend(error, kind, says):
    with pytest.raises(kind, match=says), translated("working", topic="t", group="g"):
        raise error
