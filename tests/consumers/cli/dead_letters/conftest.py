"""Topics in memory with dead letters on them, and the command."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest
from typer.testing import CliRunner
from typer.testing import Result as Told

from consumers.broker import Message
from consumers.cli import dead_letters
from consumers.dead_letters import DeadLetters
from consumers.memory_broker import MemoryBroker
from medie_fhir.errors import MedieError
from medie_fhir.settings import Settings

EVENTS, EXTRACTIONS, DEAD = "ehr.document-references", "medie.extractions", "medie.dead-letters"


KEY, VALUE, HEADER = "Zyxomunda", "qwolvarcoma", "brixolated"


JONES = f'{{"text": "{VALUE}", "n": [1]}}'.encode()


class Desk:
    """Topics in memory, and the command on them."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topics({EVENTS: 1, EXTRACTIONS: 1, DEAD: 1})

    def condemn(
        self,
        error: MedieError,
        *,
        stage: str = "extract",
        document: str | None = None,
        topic: str | None = None,
        key: bytes | None = KEY.encode(),
        value: bytes | None = JONES,
        offset: int = 41,
    ) -> str:
        """A dead letter more; its id."""
        topic = topic or (EVENTS if stage == "extract" else EXTRACTIONS)
        sent = (("x", HEADER.encode()), ("note", None))
        message = Message(topic, 0, offset, key, value, sent, 1_700_000_000_000)
        letters = DeadLetters(self.broker.producer(), DEAD)
        asyncio.run(letters.send(message, error, stage=stage, attempts=2, key=document))
        return f"0:{len(self.broker.records(DEAD)) - 1}"

    def write(self, value: bytes, *headers: tuple[str, bytes | None], key: bytes | None = None) -> None:
        """A record of another's on the topic of dead letters."""
        asyncio.run(self.broker.producer().send(DEAD, key=key, value=value, headers=headers))

    def sent(self, topic: str = EVENTS) -> list[Message]:
        return self.broker.records(topic)

    def __call__(self, *arguments: str, stdin: str | None = None) -> Told:
        return CliRunner().invoke(dead_letters.app, arguments, input=stdin)

    def listed(self, *arguments: str) -> list[Any]:
        told = self("list", "--json", *arguments)
        assert told.exit_code == 0, told.output
        return [json.loads(line) for line in told.stdout.splitlines()]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in [name for name in os.environ if name.startswith("MEDIE_") and not name.startswith("MEDIE_TEST_")]:
        monkeypatch.delenv(name)
    desk = Desk()

    def in_memory(settings: Settings) -> MemoryBroker:
        return desk.broker

    monkeypatch.setattr(dead_letters, "open_broker", in_memory)
    return desk
