"""The consumers' side: a record's dead letter, written and acknowledged before the record counts as done."""

from __future__ import annotations

from consumers.broker import Headers, Message, Producer
from consumers.dead_letters.headers import VALUE, dead_letter_headers, our_headers
from medie_fhir.errors import MedieError, Policy, RecordTooLarge

__all__ = ["DeadLetters", "TooManyDeadLetters"]


class TooManyDeadLetters(MedieError):
    """So many in a row that the fault is not the records': a wrong release or setting. A person must look."""

    policy = Policy.STOP


class DeadLetters:
    """The topic of dead letters."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def send(
        self, message: Message, error: BaseException, *, stage: str, attempts: int, key: str | None = None
    ) -> None:
        """Write a record's dead letter; returns once it is acknowledged. Raises BrokerError.

        Key and value are the original bytes. A record too large for the topic is written by reference: the headers
        name its topic, partition and offset, ``medie.value`` says ``omitted``, and its own headers and value are left
        out.
        """
        headers = dead_letter_headers(message, error, stage=stage, attempts=attempts, key=key)
        try:
            await self._producer.send(self._topic, key=message.key, value=message.value, headers=headers)
        except RecordTooLarge:
            reference: Headers = (*our_headers(headers).items(), (VALUE, b"omitted"))
            await self._producer.send(self._topic, key=message.key, value=b"", headers=reference)
