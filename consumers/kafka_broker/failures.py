"""What the client raises, said in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kafka import errors as client_errors

from medie_fhir.errors import BrokerError, BrokerRefused, BrokerUnavailable, RecordTooLarge

__all__ = ["ours", "translated"]

_TOO_LARGE: Final = (client_errors.MessageSizeTooLargeError, client_errors.RecordListTooLargeError)
_REFUSED: Final = (
    client_errors.AuthorizationError,
    client_errors.FencedInstanceIdError,
    client_errors.GroupMaxSizeReachedError,
    client_errors.InconsistentGroupProtocolError,
    client_errors.InvalidGroupIdError,
    client_errors.InvalidSessionTimeoutError,
    client_errors.InvalidTopicError,
    client_errors.KafkaConfigurationError,
    client_errors.SaslAuthenticationFailedError,
    client_errors.UnsupportedSaslMechanismError,
    client_errors.UnsupportedVersionError,
)


def ours(error: BaseException, doing: str) -> BrokerError:
    """Our error for a client's. The client's text is left out: it may repeat what was sent."""
    name = type(error).__name__
    if isinstance(error, _TOO_LARGE):
        return RecordTooLarge(f"{doing}: larger than the topic, or this program, allows ({name})")
    if isinstance(error, _REFUSED) or "AuthorizationFailed" in str(error):
        return BrokerRefused(f"{doing}: the broker refuses it ({name}). Check credentials, ACLs and member names")
    return BrokerUnavailable(f"{doing}: not possible at present ({name})")


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Within, no error of the client comes through: each is ours."""
    try:
        yield
    except client_errors.KafkaError as error:
        raise ours(error, doing) from None
