"""What the client raises, said in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kafka import errors as client_errors

from medie_fhir.errors import (
    BrokerError,
    BrokerRefused,
    BrokerUnavailable,
    LoginRefused,
    MemberFenced,
    RecordTooLarge,
    TopicForbidden,
    TopicMissing,
)

__all__ = ["ours", "translated"]

_TOO_LARGE: Final = (client_errors.MessageSizeTooLargeError, client_errors.RecordListTooLargeError)
_LOGIN: Final = (
    client_errors.SaslAuthenticationFailedError,
    client_errors.UnsupportedSaslMechanismError,
    client_errors.IllegalSaslStateError,
)
_REFUSED: Final = (
    client_errors.GroupMaxSizeReachedError,
    client_errors.InconsistentGroupProtocolError,
    client_errors.InvalidGroupIdError,
    client_errors.InvalidSessionTimeoutError,
    client_errors.KafkaConfigurationError,
    client_errors.PolicyViolationError,
    client_errors.UnsupportedVersionError,
)


def ours(error: BaseException, doing: str, *, topic: str | None = None, group: str | None = None) -> BrokerError:  # noqa: PLR0911 - a table
    """Our error for a client's. The client's text is left out: it may repeat what was sent."""
    name = type(error).__name__
    if isinstance(error, _TOO_LARGE):
        return RecordTooLarge(f"{doing}: larger than the topic, or this program, allows ({name})")
    if isinstance(error, client_errors.GroupAuthorizationFailedError):
        return TopicForbidden(f"{doing}: the ACLs keep us out of the consumer group {group or ''}: grant READ on it")
    if isinstance(error, client_errors.AuthorizationError) or "AuthorizationFailed" in str(error):
        # without WRITE, but with DESCRIBE, the broker speaks of the cluster
        return TopicForbidden(
            f"{doing}: the ACLs keep us from the topic {topic or ''}: grant READ where it is read, and WRITE where it"
            " is written"
        )
    if isinstance(error, client_errors.FencedInstanceIdError):
        return MemberFenced(
            f"{doing}: another member of the group {group or ''} has our instance id, and our place. Give each process"
            " a kafka.instance_id of its own"
        )
    if isinstance(error, client_errors.InvalidTopicError):
        return TopicMissing(f"{doing}: no topic can have the name {topic or ''}")
    if isinstance(error, _LOGIN):
        return LoginRefused(f"{doing}: the login is refused ({name}). Check kafka.security")
    if isinstance(error, _REFUSED):
        return BrokerRefused(f"{doing}: the broker refuses it ({name})")
    return BrokerUnavailable(f"{doing}: not possible at present ({name})")


@contextmanager
def translated(doing: str, *, topic: str | None = None, group: str | None = None) -> Iterator[None]:
    """Within, no error of the client comes through: each is ours."""
    try:
        yield
    except client_errors.KafkaError as error:
        raise ours(error, doing, topic=topic, group=group) from None
