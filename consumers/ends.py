"""Where a loop that is to finish what is there now has come to its end. Lives on the consumer's thread alone."""

from __future__ import annotations

from consumers.broker import Consumer, TopicPartition
from consumers.flight import Flight
from medie_fhir.errors import BrokerUnavailable

__all__ = ["Ends"]


class Ends:
    """The ends of our partitions as they were when first asked for: what is written later is not waited for."""

    def __init__(self, consumer: Consumer, flight: Flight) -> None:
        self._consumer = consumer
        self._flight = flight
        self._known: dict[TopicPartition, int] = {}

    def reached(self) -> bool:
        """Whether all that was there when this was first asked, or its partition came to us, is finished."""
        owned = self._consumer.assignment()
        try:
            if missing := owned - self._known.keys():
                self._known.update(self._consumer.end_offsets(missing))
            return bool(owned) and all(self._finished(partition) for partition in owned)
        except BrokerUnavailable:
            return False

    def _finished(self, partition: TopicPartition) -> bool:
        finished = self._flight.finished(partition, self._known[partition])
        return self._consumer.position(partition) >= self._known[partition] if finished is None else finished
