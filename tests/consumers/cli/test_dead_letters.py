"""``medie-fhir dead-letters``: what an operator sees and does, and what is not shown unless it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result as Told
from typer.testing import CliRunner

from consumers.broker import Message
from consumers.cli import dead_letters
from consumers.cli.dead_letters_options import instant_ms
from consumers.cli.dead_letters_settle import Order, tell
from consumers.cli.dead_letters_views import legible
from consumers.dead_letters import DeadLetters, Letter, LetterId, Result, Selection, document_hash
from consumers.kafka_broker import KafkaBroker
from consumers.memory_broker import MemoryBroker
from medie_fhir.errors import FhirRejected, HashMismatch, MedieError, NotJson
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


def test_list_shows_each_letter_that_is_open_and_counts_them_by_class(desk: Desk) -> None:
    desk.condemn(NotJson())
    desk.condemn(FhirRejected(), stage="publish", document="lab|DocumentReference/1")
    desk.condemn(NotJson())
    told = desk("list")
    assert told.exit_code == 0
    lines = [line.split() for line in told.stdout.splitlines()]
    assert [line[0] for line in lines] == ["id", "0:0", "0:1", "0:2", "open:"]
    assert lines[2][2:] == [
        *("publish", "FhirRejected", f"{EXTRACTIONS}[0]@41", "2", "0"),
        *(document_hash("lab|DocumentReference/1"), str(len(JONES))),
    ]
    assert lines[-1] == ["open:", "3", "(NotJson", "2,", "FhirRejected", "1);", "settled:", "0"]


def test_a_filter_that_fits_none_is_told_with_what_there_is(desk: Desk) -> None:
    desk.condemn(NotJson())
    told = desk("list", "--class", "NotJsn")
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (0, "open: 0; settled: 0")
    assert told.stderr == "none fits what is given; of those read, open: 1 (NotJson 1); settled: 0\n"


def test_a_stage_that_is_none_is_wrong_use(desk: Desk) -> None:
    desk.condemn(NotJson())
    told = desk("list", "--stage", "extrakt")
    assert told.exit_code == 2
    assert "a stage is extract or publish" in told.stderr


def test_of_very_many_letters_a_person_sees_the_latest_and_how_many_there_are(desk: Desk) -> None:
    for offset in range(205):
        desk.condemn(NotJson(), offset=offset)
    *lines, summary, counted = desk("list").stdout.splitlines()
    assert [lines[1].split()[0], lines[-1].split()[0]] == ["0:5", "0:204"]
    assert summary == "the latest 200 of 205; `list --json` shows all"
    assert counted == "open: 205 (NotJson 205); settled: 0"
    assert len(desk.listed()) == 205


def test_a_letter_that_is_named_and_does_not_fit_the_other_options_is_not_meant(desk: Desk) -> None:
    desk.condemn(NotJson())
    told = desk("redrive", "0:0", "--since", "2124-01-01")
    assert (told.exit_code, told.stdout, told.stderr) == (0, "none\n", "")
    assert desk.sent() == []


def test_a_program_gets_one_object_a_letter(desk: Desk) -> None:
    desk.condemn(HashMismatch(), document="|DocumentReference/1")
    [letter] = desk.listed()
    assert letter.pop("written").startswith("20")
    del letter["topic"], letter["partition"], letter["offset"], letter["stage"]  # as in the table
    assert letter == {
        "id": "0:0",
        "class": "HashMismatch",
        "attempts": 2,
        "redrives": 0,
        "document": document_hash("|DocumentReference/1"),
        "omitted": False,
        "bytes": len(JONES),
        "settled": None,
        "ours": True,
    }


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("--class", "NotJson"), ["0:0"]),
        (("--class", "NotJson", "--class", "FhirRejected"), ["0:0", "0:1"]),
        (("--stage", "publish"), ["0:1"]),
        (("--topic", EXTRACTIONS), ["0:1"]),
        (("--reference", "DocumentReference/1", "--source", "lab"), ["0:1"]),
        (("--reference", "DocumentReference/1"), []),
        (("--document", document_hash("lab|DocumentReference/1")), ["0:1"]),
        (("--since", "1h"), ["0:0", "0:1", "0:2"]),
        (("--since", "2124-01-01"), []),
        (("--until", "1h"), []),
        (("0:2", "0:0"), ["0:0", "0:2"]),
    ],
)
def test_letters_are_found_by_what_they_say(desk: Desk, filters: tuple[str, ...], expected: list[str]) -> None:
    desk.condemn(NotJson())
    desk.condemn(FhirRejected(), stage="publish", document="lab|DocumentReference/1")
    desk.write(b"another's")
    assert [letter["id"] for letter in desk.listed(*filters)] == expected


@pytest.mark.parametrize(
    "wrong",
    [
        ("list", "--since", "yesterday"),
        ("list", "--until", "5w"),
        ("list", "--document", "abc"),
        ("list", "--document", "0" * 16, "--reference", "a"),
        ("list", "first"),
        ("show", "17"),
        ("show", "0:17"),
        ("redrive",),
        ("discard",),
        ("redrive", "--all", "0:0"),
        ("redrive", "0:0", "--limit", "0"),
    ],
)
def test_wrong_use_is_said_and_nothing_done(desk: Desk, wrong: tuple[str, ...]) -> None:
    desk.condemn(NotJson())
    told = desk(*wrong)
    assert told.exit_code == 2
    assert "Traceback" not in told.output
    assert desk.sent() == []


def test_a_record_of_anothers_is_listed_as_not_ours_and_never_sent_anywhere(desk: Desk) -> None:
    desk.write(b"x", ("__connect.errors.topic", b"payroll\x1b[31m"), ("medie.error.class", KEY.encode()))
    desk.write(b"x", ("medie.settles", f"{DEAD}:0:99x".encode()))
    assert [(letter["id"], letter["ours"], letter["class"]) for letter in desk.listed()] == [
        ("0:0", False, None),
        ("0:1", False, None),
    ]
    assert "not ours 2" in desk("list").stdout
    told = desk("redrive", "--all")
    assert told.exit_code == 1
    assert told.stderr.count("not a dead letter of ours") == 2
    assert desk("discard", "--all").exit_code == 0
    assert desk.listed() == []


def test_a_letter_that_names_a_topic_which_is_not_ours_is_refused(desk: Desk) -> None:
    desk.broker.create_topics({"payroll": 1})
    desk.condemn(NotJson(), topic="payroll")
    told = desk("redrive", "0:0")
    assert told.exit_code == 1
    assert "0:0: came from payroll, which is none of our topics" in told.stderr
    assert desk.sent("payroll") == []


def test_no_output_shows_anything_of_the_record_unless_it_is_asked_for(desk: Desk) -> None:
    desk.condemn(NotJson(VALUE))
    desk.condemn(FhirRejected(KEY), stage="publish", value=VALUE.encode())
    desk.write(VALUE.encode(), ("__connect.errors.stage", HEADER.encode()), ("y", KEY.encode()), key=KEY.encode())
    seen = [
        desk(*command).output
        for command in (
            *(("list",), ("list", "--json"), ("list", "--settled")),
            *(("show", "0:0"), ("show", "0:1"), ("show", "0:2")),
            *(("redrive", "--all", "--dry-run"), ("redrive", "--stage", "publish", "--inline"), ("redrive", "--all")),
            *(("discard", "--all"), ("list", "--settled"), ("show", "0:3")),
        )
    ]
    assert all(seen)
    for sentinel in (KEY, VALUE, HEADER):
        assert not [line for output in seen for line in output.splitlines() if sentinel in line]


def test_show_tells_the_facts_and_of_the_senders_headers_the_names_and_sizes(desk: Desk) -> None:
    desk.condemn(HashMismatch())
    told = desk("show", "0:0").stdout
    for line in (
        "class      HashMismatch",
        "came at    2023-11-14T22:13:20Z",
        f"key        {len(KEY)} bytes",
        "  __connect.errors.exception.class.name: medie_fhir.errors.HashMismatch",
        "  medie.attempts: 2",
        f"  x: {len(HEADER)} bytes",
        "  note: null",
    ):
        assert line in told.splitlines()


def test_the_payload_goes_to_a_pipe_as_it_is_and_the_facts_beside_it(desk: Desk) -> None:
    value = b'{"a": 1,  "b": "\xff"}\n'
    desk.condemn(NotJson(), value=value)
    told = desk("show", "0:0", "--payload")
    assert told.stdout_bytes == value
    assert KEY in told.stderr
    assert HEADER in told.stderr
    desk.condemn(NotJson(), value=None)
    assert desk("show", "0:1", "--payload").stdout_bytes == b""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'{"a":[1]}', '{\n  "a": [\n    1\n  ]\n}'),
        (b'{"a":1,"a":2}', '{"a":1,"a":2}'),
        (b"two\nlines\x1b[31m\r", "two\nlines\\x1b[31m\\r"),
        (b"\xff\x9b", "\\xff\\x9b"),
        (b'"\\ud800"', '"\\ud800"'),
        (b"[" * 100_000, "[" * 100_000),
        ("Größe".encode(), "Größe"),
    ],
)
def test_on_a_terminal_a_payload_is_legible_and_harmless(value: bytes, shown: str) -> None:
    assert legible(value) == shown


def test_a_record_is_sent_again_as_it_was_and_done_again_nothing_is(desk: Desk) -> None:
    desk.condemn(NotJson())
    told = desk("redrive", "0:0")
    assert (told.exit_code, told.stdout) == (0, "sent again: 1\n")
    [sent] = desk.sent()
    assert (sent.key, sent.value, sent.timestamp_ms) == (KEY.encode(), JONES, 1_700_000_000_000)
    assert sent.headers[:2] == (("x", HEADER.encode()), ("note", None))
    assert dict(sent.headers)["medie.redrive.of"] == f"{DEAD}:0:0".encode()
    again = desk("redrive", "0:0")
    assert (again.exit_code, again.stdout) == (0, "settled before: 1\n")
    assert len(desk.sent()) == 1
    assert desk.listed() == []
    assert [letter["settled"] for letter in desk.listed("--settled")] == ["redriven"]


def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(desk: Desk) -> None:
    desk.condemn(NotJson())
    told = desk("redrive", "--all", "--dry-run")
    assert told.exit_code == 0
    assert told.stdout.splitlines()[-1] == "to be sent again: 1"
    assert "0:0" in told.stdout
    assert len(desk.broker.records(DEAD)) == 1


def test_a_record_that_was_sent_again_too_often_is_refused(desk: Desk) -> None:
    desk.condemn(NotJson())
    letters = DeadLetters(desk.broker.producer(), DEAD)
    for _ in range(3):
        assert desk("redrive", "--all").exit_code == 0
        asyncio.run(letters.send(desk.sent()[-1], NotJson(), stage="extract", attempts=2))
    [letter] = desk.listed()
    assert (letter["redrives"], letter["attempts"]) == (3, 8)
    told = desk("redrive", "--all")
    assert told.exit_code == 1
    assert "sent again 3 times already" in told.stderr
    assert len(desk.sent()) == 3
    assert desk("redrive", "--all", "--limit", "4").exit_code == 0


def test_many_need_a_yes(desk: Desk) -> None:
    for _ in range(11):
        desk.condemn(NotJson())
    told = desk("redrive", "--all")
    assert told.exit_code == 2
    assert "11 letters" in told.stderr
    assert desk.sent() == []
    assert desk("redrive", "--all", "--yes").stdout == "sent again: 11\n"


def test_a_letter_that_is_not_there_is_told_and_the_others_are_done(desk: Desk) -> None:
    desk.condemn(NotJson())
    told = desk("redrive", "0:0", "0:7")
    assert told.exit_code == 1
    assert "0:7: no such letter" in told.stderr
    assert len(desk.sent()) == 1


def test_a_discarded_letter_is_listed_no_more_and_not_sent(desk: Desk) -> None:
    desk.condemn(NotJson())
    assert desk("discard", "--class", "NotJson").stdout == "discarded: 1\n"
    assert desk.listed() == []
    assert desk("redrive", "0:0").stdout == "settled before: 1\n"
    assert desk.sent() == []


def test_inline_says_why_a_record_fails_where_and_leaves_its_letter_open(desk: Desk) -> None:
    desk.condemn(FhirRejected(), stage="publish", value=b"{}")
    told = desk("redrive", "0:0", "--inline")
    assert told.exit_code == 1
    assert told.stderr.startswith("0:0: RecordError at medie_fhir.pipeline:")
    assert told.stdout == "failed: 1\n"
    assert [letter["id"] for letter in desk.listed()] == ["0:0"]
    assert desk.sent(EXTRACTIONS) == []


def test_of_a_fault_of_the_program_the_text_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    letter = Letter(LetterId(0, 3), 0, 0, None, None)
    tell(Result(letter, KeyError(VALUE)), Order("inline", Selection()))
    assert capsys.readouterr().err == "0:3: KeyError at ?\n"


def test_inline_settles_what_is_done(desk: Desk) -> None:
    desk.condemn(FhirRejected(), stage="publish", value=None)
    told = desk("redrive", "0:0", "--inline")
    assert (told.exit_code, told.stdout) == (0, "0:0: done\ndone: 1\n")
    assert desk.listed() == []


def test_inline_has_no_worker_for_an_unknown_stage(desk: Desk) -> None:
    desk.condemn(NotJson(), stage="triage", topic=EVENTS)
    told = desk("redrive", "0:0", "--inline")
    assert told.exit_code == 1
    assert "failed at triage, which is no stage of this release" in told.stderr


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("90s", 1_000_000_000_000 - 90_000),
        ("2h", 1_000_000_000_000 - 7_200_000),
        ("1970-01-01T00:00:01", 1000),
        ("1970-01-01T01:00:01+01:00", 1000),
        ("1970-01-02", 86_400_000),
    ],
)
def test_a_time_is_an_age_or_an_instant(text: str, ms: int) -> None:
    assert instant_ms(text, "--since", datetime.fromtimestamp(1_000_000_000, UTC)) == ms


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
