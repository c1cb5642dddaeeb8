"""Topics of our own on each broker, and what lies on them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from consumers.broker import Broker, Message, Topics


@pytest.fixture
def topics(broker: Broker, name: str) -> Topics:
    """Topics that no other test uses."""
    made = Topics(f"{name}-events", f"{name}-extractions", f"{name}-dead")
    broker.create_topics({made.documents: 2, made.extractions: 2, made.dead_letters: 2})
    return made


@pytest.fixture
def on(broker: Broker) -> Callable[[str], list[Message]]:
    """What is on a topic."""
    return lambda topic: list(broker.read(topic))
