"""On a terminal, and in processes of its own on a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.broker import Message
from consumers.dead_letters import DeadLetters
from consumers.kafka_broker import KafkaBroker
from medie_fhir.errors import NotJson

EVENTS, EXTRACTIONS, DEAD = "ehr.document-references", "medie.extractions", "medie.dead-letters"


KEY, VALUE, HEADER = "Zyxomunda", "qwolvarcoma", "brixolated"


JONES = f'{{"text": "{VALUE}", "n": [1]}}'.encode()


ON_A_TERMINAL = f"""
import asyncio, sys
from consumers.broker import Message
from consumers.cli import dead_letters
from consumers.dead_letters import DeadLetters
from consumers.memory_broker import MemoryBroker
from medie_fhir.errors import NotJson

broker = MemoryBroker()
broker.create_topics(dict.fromkeys(["{EVENTS}", "{EXTRACTIONS}", "{DEAD}"], 1))
letters = DeadLetters(broker.producer(), "{DEAD}")
for n in range(11):
    message = Message("{EVENTS}", 0, n, b"k", {JONES!r})
    asyncio.run(letters.send(message, NotJson(), stage="extract", attempts=1))
dead_letters.open_broker = lambda settings: broker
try:
    dead_letters.app(sys.argv[1:])
finally:
    print("sent", len(broker.records("{EVENTS}")))
"""


def on_a_terminal(answer: bytes, *arguments: str) -> str:
    """What a person sees who types the command on a terminal."""
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MEDIE_")}
    command = [sys.executable, "-c", ON_A_TERMINAL, *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        os.write(ours, answer)
        seen = b""
        with contextlib.suppress(OSError):  # how Linux says that the other side has closed
            while part := os.read(ours, 65536):
                seen += part
        process.wait(60)
    os.close(ours)
    return seen.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(("answer", "sent"), [(b"n\n", 0), (b"\n", 0), (b"y\n", 11)])
def test_on_a_terminal_many_are_asked_for(answer: bytes, sent: int) -> None:
    seen = on_a_terminal(answer, "redrive", "--all")
    assert "11 letters to be sent again. Go on? [y/N]" in seen
    assert seen.splitlines()[-1] == f"sent {sent}"


def test_on_a_terminal_a_payload_comes_with_a_warning_and_laid_out() -> None:
    seen = on_a_terminal(b"", "show", "0:0", "--payload")
    assert "what follows is a patient's data" in seen
    assert f'{{\n  "text": "{VALUE}",\n  "n": [\n    1\n  ]\n}}\n' in seen


# The retention of a real broker goes by a record's own time, and takes a time long past whenever it looks.
LATELY_MS = int(datetime.now(UTC).timestamp() * 1000) - 3_600_000


@pytest.mark.kafka
def test_on_a_real_broker_a_record_is_sent_again_once(
    kafka_address: str, name: str, tmp_path: Path, produce_letter: Callable[[KafkaBroker, str, str], None]
) -> None:
    broker = KafkaBroker(kafka_address, bootstrap_timeout_s=10.0)
    events, dead = f"{name}-events", f"{name}-dead"
    broker.create_topics({events: 2, dead: 2})
    produce_letter(broker, events, dead)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("MEDIE_")},
        "MEDIE_KAFKA__BOOTSTRAP_SERVERS": kafka_address,
        "MEDIE_KAFKA__EVENTS": events,
        "MEDIE_KAFKA__DEAD_LETTERS": dead,
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from consumers.cli import main; main()", "dead-letters", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    assert "NotJson" in run("list", "--since", "1h").stdout
    told = run("redrive", "--class", "NotJson")
    assert (told.returncode, told.stdout) == (0, "sent again: 1\n"), told.stderr
    assert run("redrive", "--class", "NotJson").stdout == "settled before: 1\n"
    [sent] = broker.read(events)
    assert (sent.key, sent.value, sent.timestamp_ms) == (KEY.encode(), JONES, LATELY_MS)


@pytest.fixture
def produce_letter() -> Callable[[KafkaBroker, str, str], None]:
    def produce(broker: KafkaBroker, events: str, dead: str) -> None:
        async def send() -> None:
            producer = broker.producer()
            message = Message(events, 0, 0, KEY.encode(), JONES, (), LATELY_MS)
            await DeadLetters(producer, dead).send(message, NotJson(), stage="extract", attempts=1)
            producer.close()

        asyncio.run(send())

    return produce
