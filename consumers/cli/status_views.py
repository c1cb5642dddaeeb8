"""The tables of ``medie-fhir status``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from consumers.broker import TopicPartition
from consumers.cli.options import out
from consumers.health import Counted, LoopStatus, PartitionStatus, Status

__all__ = ["GroupProgress", "Look", "look_as_json", "loop_rate", "partition_rate", "show_consumers", "show_progress"]

_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """How far a stage's group is on one partition, as the broker knows it."""

    stage: str
    place: TopicPartition
    committed: int | None
    end: int

    @property
    def lag(self) -> int | None:
        """Records after the committed offset; None where nothing was committed yet."""
        return None if self.committed is None else max(0, self.end - self.committed)

    def as_json(self) -> dict[str, Any]:
        """Its numbers."""
        return {"stage": self.stage, **self.place._asdict(), "committed": self.committed, "end": self.end} | {
            "lag": self.lag
        }


@dataclass(frozen=True, slots=True)
class Look:
    """What one consumer answered, what it had answered before, and the seconds between."""

    url: str
    before: Status | None
    now: Status
    seconds: float


def loop_rate(look: Look, loop: LoopStatus) -> float | None:
    """Records a second that a stage finished between the two looks."""
    old = [each for each in _loops(look.before) if each.stage == loop.stage]
    return _rate(old[0].finished if old else None, loop.finished, look.seconds)


def partition_rate(look: Look, loop: LoopStatus, partition: PartitionStatus) -> float | None:
    """Records a second by which a partition's watermark moved between the two looks."""
    place = (partition.topic, partition.partition)
    old = [p for each in _loops(look.before) if each.stage == loop.stage for p in each.partitions]
    same = [p for p in old if (p.topic, p.partition) == place]
    return _rate(same[0].watermark if same else None, partition.watermark, look.seconds)


def look_as_json(look: Look) -> dict[str, Any]:
    """The newer answer, with a rate (``per_s``) of each stage and partition."""
    told: dict[str, Any] = look.now.model_dump(mode="json")
    for loop, shown in zip(look.now.loops, told["loops"], strict=True):
        shown["per_s"] = loop_rate(look, loop)
        for partition, row in zip(loop.partitions, shown["partitions"], strict=True):
            row["per_s"] = partition_rate(look, loop, partition)
    return told


def show_consumers(looks: Iterable[Look]) -> None:
    """Each consumer's stages, partitions, and what was counted."""
    for look in looks:
        out.print(f"{look.url}: medie-fhir {look.now.version}", highlight=False)
        out.print(_stages(look))
        if any(loop.partitions for loop in look.now.loops):
            out.print(_partitions(look))
        if look.now.slowed:
            out.print(f"FHIR server: {look.now.slowed}", highlight=False)
        for title, counted in (
            ("outcomes", look.now.outcomes),
            ("errors", look.now.errors),
            ("dead letters", look.now.dead_letters),
            ("tokens", look.now.tokens),
            ("resources", look.now.resources),
        ):
            if counted:
                out.print(f"{title}: {_listed(counted)}", highlight=False)


def show_progress(groups: Iterable[GroupProgress]) -> None:
    """What the broker alone knows."""
    out.print("No consumer answered. This is what the broker knows:", highlight=False)
    table = _table("stage", "partition", "committed", "end", "lag")
    for group in groups:
        table.add_row(group.stage, _place(*group.place), _shown(group.committed), str(group.end), _shown(group.lag))
    out.print(table)


def _stages(look: Look) -> Table:
    table = _table("stage", "", "lag", "finished", "a second", "in flight", "KiB", "retried", "oldest", "waits for")
    for loop in look.now.loops:
        ages = [p.oldest_s for p in loop.partitions if p.oldest_s is not None]
        lags = [p.lag for p in loop.partitions if p.lag is not None]
        table.add_row(
            loop.stage,
            "running" if loop.running else "ENDED",
            _shown(sum(lags) if lags else None),
            str(loop.finished),
            _shown(loop_rate(look, loop)),
            str(loop.in_flight),
            str(-(-loop.in_flight_bytes // 1024)),
            str(loop.retries),
            _age(max(ages, default=None)),
            ", ".join(f"{w.dependency} ({_age(w.seconds)})" for w in loop.waiting) or _NOTHING,
        )
    return table


def _partitions(look: Look) -> Table:
    table = _table("stage", "partition", "position", "committed", "end", "lag", "a second", "in flight", "oldest", "")
    for loop in look.now.loops:
        for p in loop.partitions:
            table.add_row(
                loop.stage,
                _place(p.topic, p.partition),
                _shown(p.position),
                _shown(p.committed),
                _shown(p.end),
                _shown(p.lag),
                _shown(partition_rate(look, loop, p)),
                str(p.unfinished),
                _age(p.oldest_s),
                "paused" if p.paused else "",
            )
    return table


def _table(*columns: str) -> Table:
    table = Table()
    for column in columns:
        text = column in {"stage", "partition", "", "waits for"}
        table.add_column(column, justify="left" if text else "right", overflow="fold")
    return table


def _listed(counted: Iterable[Counted]) -> str:
    entries = sorted(counted, key=lambda entry: -entry.count)
    return ", ".join(f"{entry.count} {' '.join(filter(None, entry.labels.values()))}" for entry in entries)


def _loops(status: Status | None) -> tuple[LoopStatus, ...]:
    return status.loops if status else ()


def _rate(before: int | None, now: int | None, seconds: float) -> float | None:
    """None where either is not known, and where the consumer began anew between the two."""
    if before is None or now is None or now < before or seconds <= 0:
        return None
    return round((now - before) / seconds, 1)


def _place(topic: str, partition: int) -> str:
    return f"{topic}[{partition}]"


def _shown(number: float | None) -> str:
    return _NOTHING if number is None else str(number)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return _NOTHING
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
