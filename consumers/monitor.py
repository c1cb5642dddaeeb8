"""How a loop shows itself to whoever watches: health checks, metrics, ``medie-fhir status``. Numbers and names only."""

from __future__ import annotations

from dataclasses import dataclass

from consumers.broker import TopicPartition

__all__ = ["LoopView", "MappingInUse", "PartitionView", "Waiting"]


@dataclass(frozen=True, slots=True)
class PartitionView:
    """One partition of ours. Offsets are of the next record: to be polled, to be committed, committed, to be written.

    ``oldest_s``: how long ago the oldest unfinished record was polled; None where none is unfinished.
    """

    partition: TopicPartition
    position: int | None
    watermark: int | None
    committed: int | None
    end: int | None
    unfinished: int
    oldest_s: float | None
    paused: bool

    @property
    def lag(self) -> int | None:
        """Records on the topic that are not finished; None before the broker has told its end."""
        return max(0, self.end - self.watermark) if self.end is not None and self.watermark is not None else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A dependency that is away, and since how many seconds: partitions are paused until it answers."""

    dependency: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LoopView:
    """A loop at one moment. Counts are since its start.

    ``polled_s`` and ``heartbeat_s``: seconds since the consumer's thread, and the work's event loop, last came round.
    ``struggling``: records that failed so often that their dependency was asked, and that are tried again.
    """

    stage: str
    running: bool
    polled_s: float
    heartbeat_s: float
    in_flight: int
    in_flight_bytes: int
    struggling: int
    waiting: tuple[Waiting, ...]
    partitions: tuple[PartitionView, ...]
    finished: int
    retries: int
    rebalances: int
    commits: int
    commit_failures: int


@dataclass(frozen=True, slots=True)
class MappingInUse:
    """Which mapping is used, and why a later edit of its files is not; they hold no patient's data."""

    label: str
    refused: tuple[str, ...] = ()
