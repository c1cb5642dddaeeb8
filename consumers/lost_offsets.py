"""The place that a group would read on from is no longer on its topic: what to say, and whether to go on.

Two ways lead there. Retention (or an operator) deleted records before the group had read them; or the topic was made
anew, or cut in an unclean election, and ends before the group's place. Either way records may have gone unread, so a
person must know; to begin at the latest record, as many consumers do, would lose more of them without a word.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Literal, NamedTuple

from consumers.broker import TopicPartition
from medie_fhir.errors import OffsetLost

__all__ = ["LostOffset", "OffsetLostPolicy", "face"]

log = logging.getLogger(__name__)

OffsetLostPolicy = Literal["stop", "earliest"]
"""``stop``: raise; ``earliest``: warn, and go on from the first record that is left."""


class LostOffset(NamedTuple):
    """``offset`` would have been read next, and is not within ``start`` (the earliest that is left) to ``end``."""

    partition: TopicPartition
    offset: int
    start: int
    end: int

    def __str__(self) -> str:
        place = f"{self.partition.topic}[{self.partition.partition}]: the group's offset is {self.offset}"
        if self.offset < self.start:
            count = self.start - self.offset
            return f"{place}, the earliest that is left {self.start}: {count} records are lost unread"
        left = f"its {self.end - self.start} records from {self.start} on may be unread"
        return f"{place}, but the topic ends at {self.end}: it was made anew or cut, and {left}"


def face(lost: Sequence[LostOffset], policy: OffsetLostPolicy) -> None:
    """Return if the caller is to go on from the earliest records, and raise OffsetLost if it is to stop."""
    said = "; ".join(map(str, lost))
    if policy == "stop":
        raise OffsetLost(
            f"{said}. Set kafka.offset_lost=earliest to go on from the earliest record that is left (what was read"
            " before is written again, unchanged), and have the sender deliver again what was lost"
        )
    log.warning("%s. Going on from the earliest, as kafka.offset_lost says", said)
