"""Whether silence is only silence."""

from __future__ import annotations

import pytest

from consumers.kafka_broker.doubt import Doubt
from medie_fhir.errors import BrokerUnavailable, TopicMissing


class World:
    """A clock, and what asking says."""

    def __init__(self) -> None:
        self.time = 0.0
        self.asked: list[float] = []
        self.says: Exception | None = None

    def ask(self) -> None:
        self.asked.append(self.time)
        if self.says:
            raise self.says

    def run(self, doubt: Doubt, seconds: int, suspicious: bool = False) -> None:
        for _ in range(seconds):
            doubt.settle(lambda: suspicious)
            self.time += 1.0


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def doubt(world: World) -> Doubt:
    return Doubt(world.ask, lambda: world.time)


def test_a_quiet_topic_raises_no_question(world, doubt):
    world.run(doubt, 300)
    assert world.asked == []


def test_what_is_suspicious_is_asked_about_twice_a_minute_at_most(world, doubt):
    world.run(doubt, 100, suspicious=True)
    assert world.asked == [0.0, 30.0, 60.0, 90.0]


def test_a_refusal_comes_through_when_it_was_heard_twice(world, doubt):
    doubt.grow()
    world.says = TopicMissing("gone")
    with pytest.raises(TopicMissing):
        world.run(doubt, 300)
    assert world.asked == [0.0, 5.0]


def test_a_refusal_that_was_taken_back_is_none(world, doubt):
    doubt.grow()
    world.says = TopicMissing("not known yet")
    world.run(doubt, 1)
    world.says = None
    world.run(doubt, 300)
    assert world.asked == [0.0, 5.0]


def test_an_outage_is_waited_for_and_asked_about_again(world, doubt):
    doubt.grow()
    world.says = BrokerUnavailable("down")
    world.run(doubt, 40)
    world.says = None
    world.run(doubt, 300)
    assert world.asked == [0.0, 30.0, 60.0]


def test_what_was_heard_ends_a_doubt(world, doubt):
    world.run(doubt, 1)
    doubt.grow()
    doubt.end()
    world.run(doubt, 300)
    assert world.asked == []
