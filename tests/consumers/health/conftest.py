"""Loops that show what a test gives them, and a health server over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from consumers.broker import TopicPartition
from consumers.health import HealthServer, Pace
from consumers.monitor import LoopView, MappingInUse, PartitionView
from medie_fhir.metrics import Metrics
from medie_fhir.settings import HealthSettings

PARTITION = PartitionView(
    TopicPartition("events", 3),
    position=17,
    watermark=12,
    committed=10,
    end=42,
    unfinished=5,
    oldest_s=4.5,
    paused=True,
)
VIEW = LoopView(
    stage="extract",
    running=True,
    polled_s=0.2,
    heartbeat_s=0.1,
    in_flight=5,
    in_flight_bytes=2048,
    struggling=1,
    waiting=(),
    partitions=(PARTITION,),
    finished=120,
    retries=7,
    rebalances=2,
    commits=30,
    commit_failures=1,
)


@dataclass
class Shown:
    """A loop that shows this."""

    now: LoopView

    def view(self) -> LoopView:
        return self.now


@pytest.fixture
def view() -> LoopView:
    return VIEW


@pytest.fixture
def shown() -> Callable[[LoopView], Shown]:
    return Shown


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def serve(metrics: Metrics) -> Iterator[Callable[..., HealthServer]]:
    """Start a server over loops that show these views; it ends with the test."""
    with ExitStack() as stack:

        def start(
            *views: LoopView, pace: Pace | None = None, mapping: MappingInUse | None = None, **settings: Any
        ) -> HealthServer:
            wanted = HealthSettings(**{"port": 0} | settings)
            loops = [Shown(each) for each in views]
            return stack.enter_context(HealthServer(wanted, loops, metrics, pace=lambda: pace, mapping=lambda: mapping))

        yield start
