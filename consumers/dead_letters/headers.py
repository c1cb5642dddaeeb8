"""The headers of a dead letter: those of Kafka Connect (``__connect.errors.*``, KIP-298) and our own (``medie.*``).

They name an error's class and never its text, which may hold what a patient's note says. All other headers are the
sender's, and come through as they are: a name may come again, a value may be null or no text.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from consumers.broker import Headers, Message
from medie_fhir.blame import task_of
from medie_fhir.telemetry import TRACE_HEADERS, trace_headers

__all__ = [
    "NAMES",
    "dead_letter_headers",
    "document_hash",
    "number",
    "original_headers",
    "our_headers",
    "redrive_headers",
]

CONNECT: Final = "__connect.errors."
OURS: Final = "medie."
TOPIC: Final = f"{CONNECT}topic"
PARTITION: Final = f"{CONNECT}partition"
OFFSET: Final = f"{CONNECT}offset"
STAGE: Final = f"{CONNECT}stage"
EXCEPTION: Final = f"{CONNECT}exception.class.name"
ERROR: Final = f"{OURS}error.class"
ATTEMPTS: Final = f"{OURS}attempts"
TIMESTAMP: Final = f"{OURS}timestamp"
DOCUMENT: Final = f"{OURS}document"
TASK: Final = f"{OURS}task"
VALUE: Final = f"{OURS}value"
REDRIVES: Final = f"{OURS}redrives"
REDRIVE_OF: Final = f"{OURS}redrive.of"
SETTLES: Final = f"{OURS}settles"
SETTLED: Final = f"{OURS}settled"
NAMES: Final = frozenset(
    {TOPIC, PARTITION, OFFSET, STAGE, EXCEPTION, ERROR, ATTEMPTS, TIMESTAMP, DOCUMENT, TASK}
    | {VALUE, REDRIVES, REDRIVE_OF}
)
"""What a letter can have; a marker has the other two."""

_HASH_CHARACTERS: Final = 16  # 64 bits: enough to find a document's letters, too few to say more
_NUMBER: Final = re.compile(rb"[0-9]{1,18}")


def document_hash(key: str) -> str:
    """What stands for a document in headers and filters; ``key`` is ``DocumentInfo.key``."""
    return hashlib.sha256(key.encode()).hexdigest()[:_HASH_CHARACTERS]


def our_headers(headers: Headers) -> dict[str, bytes]:
    """Those of ours, by name; where one comes again, the last has been written last."""
    return {name: value for name, value in headers if name.startswith((CONNECT, OURS)) and value is not None}


def original_headers(headers: Headers) -> Headers:
    """The sender's own, in their order."""
    return tuple(header for header in headers if not header[0].startswith((CONNECT, OURS)))


def number(value: bytes | None) -> int | None:
    """A header's value as a whole number, or None where it is no plain one."""
    return int(value) if value is not None and _NUMBER.fullmatch(value) else None


def dead_letter_headers(
    message: Message, error: BaseException, *, stage: str, attempts: int, key: str | None = None
) -> Headers:
    """The sender's headers and then ours; ``key`` is ``DocumentInfo.key``, where it is known.

    Ours replace those of an earlier letter of the same record, and go on counting from them. Within a trace its
    headers take the place of the sender's.
    """
    kind, before, trace = type(error), our_headers(message.headers), trace_headers()
    ours = {
        TOPIC: message.topic,
        PARTITION: str(message.partition),
        OFFSET: str(message.offset),
        STAGE: stage,
        EXCEPTION: f"{kind.__module__}.{kind.__qualname__}",
        ERROR: kind.__name__,
        ATTEMPTS: str(attempts + (number(before.get(ATTEMPTS)) or 0)),
        TIMESTAMP: str(message.timestamp_ms),
    }
    if key is not None:
        ours[DOCUMENT] = document_hash(key)
    if task := task_of(error):
        ours[TASK] = task
    if redrives := number(before.get(REDRIVES)):
        ours[REDRIVES] = str(redrives)
    kept = original_headers(message.headers)
    if trace:
        kept = tuple(header for header in kept if header[0] not in TRACE_HEADERS)
    return (*kept, *((name, value.encode()) for name, value in (*trace.items(), *ours.items())))


def redrive_headers(letter: Message) -> Headers:
    """What a record carries besides the sender's headers when it is sent again: how often it was tried, and sent."""
    ours = our_headers(letter.headers)
    counted = {
        ATTEMPTS: str(number(ours.get(ATTEMPTS)) or 0),
        REDRIVES: str((number(ours.get(REDRIVES)) or 0) + 1),
        REDRIVE_OF: f"{letter.topic}:{letter.partition}:{letter.offset}",
    }
    return tuple((name, value.encode()) for name, value in counted.items())
