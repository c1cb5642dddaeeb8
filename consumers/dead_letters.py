"""Dead letters: a record that can't be helped by trying again, kept whole, with where it came from and why.

Headers are those of Kafka Connect (``__connect.errors.*``, KIP-298) and our own (``medie.*``). They name an error's
class and never its text, which may hold what a patient's note says. The value and the key are the original bytes.
"""

from __future__ import annotations

import hashlib
from typing import Final

from consumers.broker import Headers, Message, Producer
from medie_fhir.errors import MedieError, Policy, RecordTooLarge

__all__ = ["DeadLetters", "TooManyDeadLetters", "dead_letter_headers"]

_HASH_CHARACTERS: Final = 16  # 64 bits: enough to find a document's letters, too few to say more


class TooManyDeadLetters(MedieError):
    """So many in a row that the fault is not the records': a wrong release or setting. A person must look."""

    policy = Policy.STOP


def dead_letter_headers(
    message: Message, error: BaseException, *, stage: str, attempts: int, key: str | None = None
) -> Headers:
    """The original headers and then ours; ``key`` is ``DocumentInfo.key``, where it is known."""
    kind = type(error)
    ours = {
        "__connect.errors.topic": message.topic,
        "__connect.errors.partition": str(message.partition),
        "__connect.errors.offset": str(message.offset),
        "__connect.errors.stage": stage,
        "__connect.errors.exception.class.name": f"{kind.__module__}.{kind.__qualname__}",
        "medie.error.class": kind.__name__,
        "medie.attempts": str(attempts),
    }
    if key is not None:
        ours["medie.document"] = hashlib.sha256(key.encode()).hexdigest()[:_HASH_CHARACTERS]
    return (*message.headers, *((name, value.encode()) for name, value in ours.items()))


class DeadLetters:
    """The topic of dead letters."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def send(
        self, message: Message, error: BaseException, *, stage: str, attempts: int, key: str | None = None
    ) -> None:
        """Write a record's dead letter; returns once it is acknowledged. Raises BrokerError.

        A record too large for the topic is written by reference: the headers name its topic, partition and offset,
        ``medie.value`` says ``omitted``, and its own headers and value are left out.
        """
        headers = dead_letter_headers(message, error, stage=stage, attempts=attempts, key=key)
        try:
            await self._producer.send(self._topic, key=message.key, value=message.value, headers=headers)
        except RecordTooLarge:
            ours = headers[len(message.headers) :]
            reference: Headers = (*ours, ("medie.value", b"omitted"))
            await self._producer.send(self._topic, key=message.key, value=b"", headers=reference)
