"""Dead letters as they are read again: what each says of its record, which are settled, which are meant.

The topic is a log, where nothing can be taken away. So a letter is settled by a marker: a small record after it, which
names it. What is on the topic and neither a letter of ours nor a marker is kept as a letter without facts: it is shown,
and never trusted. Only words of a plain form are taken from headers, so that whoever can write to the topic can't make
a listing say what it likes, or show what a patient's note says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from consumers.broker import Message
from consumers.dead_letters.headers import (
    ATTEMPTS,
    CONNECT,
    DOCUMENT,
    ERROR,
    OFFSET,
    PARTITION,
    REDRIVES,
    SETTLED,
    SETTLES,
    STAGE,
    TIMESTAMP,
    TOPIC,
    VALUE,
    number,
    our_headers,
)

__all__ = ["Facts", "Letter", "LetterId", "Letters", "Selection", "Settled"]

_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_HASH: Final = re.compile(r"[0-9a-f]{16}")
_ID: Final = re.compile(r"([0-9]{1,9}):([0-9]{1,18})")


class LetterId(NamedTuple):
    """Where a letter lies on the topic of dead letters; for people ``partition:offset``."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> LetterId:
        """An id as people write it. Raises ValueError."""
        if not (found := _ID.fullmatch(text)):
            raise ValueError("a letter's id is partition:offset, as in 0:17")
        return cls(int(found[1]), int(found[2]))


class Settled(StrEnum):
    """What was done with a letter."""

    REDRIVEN = "redriven"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a letter says of its record. ``error`` is a class's name; ``document`` is ``document_hash``'s.

    ``timestamp_ms`` is the record's own; None in letters that don't tell. ``omitted``: the record is only referred to.
    """

    topic: str
    partition: int
    offset: int
    stage: str
    error: str
    attempts: int
    redrives: int = 0
    timestamp_ms: int | None = None
    document: str | None = None
    omitted: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """One record of the topic, without its value; ``facts`` is None where it is no letter of ours.

    ``size`` is of the value in bytes.
    """

    id: LetterId
    written_ms: int
    size: int
    key: bytes | None = field(repr=False)
    facts: Facts | None

    @classmethod
    def of(cls, message: Message) -> Letter:
        """The letter that a record is."""
        id_ = LetterId(message.partition, message.offset)
        return cls(id_, message.timestamp_ms, len(message.value or b""), message.key, _facts(message))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant: those that fit all that is given. Times are in ms from the epoch, ``until`` excluded."""

    ids: frozenset[LetterId] = frozenset()
    errors: frozenset[str] = frozenset()
    stage: str | None = None
    topic: str | None = None
    document: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def takes(self, letter: Letter) -> bool:
        """Whether a letter is meant. What is no letter of ours fits an id or a time, and no fact."""
        if self.ids and letter.id not in self.ids:
            return False
        if self.since_ms is not None and letter.written_ms < self.since_ms:
            return False
        if self.until_ms is not None and letter.written_ms >= self.until_ms:
            return False
        facts = letter.facts
        if facts is None:
            return not (self.errors or self.stage or self.topic or self.document)
        return (
            (not self.errors or facts.error in self.errors)
            and self.stage in {None, facts.stage}
            and self.topic in {None, facts.topic}
            and self.document in {None, facts.document}
        )


class Letters:
    """The letters of a topic, and which are settled."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self.all: dict[LetterId, Letter] = {}
        self.settled: dict[LetterId, Settled] = {}
        for message in messages:
            self.add(message)

    def add(self, message: Message) -> None:
        """One more record of the topic."""
        if marker := _marker(message):
            self.settled[marker[0]] = marker[1]
        else:
            letter = Letter.of(message)
            self.all[letter.id] = letter

    def selected(self, selection: Selection) -> list[Letter]:
        """Those that are meant, settled or not, the oldest first."""
        meant = (letter for letter in self.all.values() if selection.takes(letter))
        return sorted(meant, key=lambda letter: (letter.written_ms, letter.id))


def _facts(message: Message) -> Facts | None:
    ours = our_headers(message.headers)
    words = {name: _word(ours.get(name), form) for name, form in ((TOPIC, _TOPIC), (STAGE, _WORD), (ERROR, _WORD))}
    partition, offset = number(ours.get(PARTITION)), number(ours.get(OFFSET))
    if not all(words.values()) or partition is None or offset is None:
        return None
    return Facts(
        topic=words[TOPIC],
        partition=partition,
        offset=offset,
        stage=words[STAGE],
        error=words[ERROR],
        attempts=number(ours.get(ATTEMPTS)) or 0,
        redrives=number(ours.get(REDRIVES)) or 0,
        timestamp_ms=number(ours.get(TIMESTAMP)),
        document=_word(ours.get(DOCUMENT), _HASH) or None,
        omitted=ours.get(VALUE) == b"omitted",
    )


def _word(value: bytes | None, form: re.Pattern[str]) -> str:
    """A header's value where it has the form, else nothing."""
    text = (value or b"").decode("ascii", "replace")
    return text if form.fullmatch(text) else ""


def _marker(message: Message) -> tuple[LetterId, Settled] | None:
    """Which letter a record settles, and how. A letter never does, whatever its sender wrote into its headers."""
    ours = our_headers(message.headers)
    named = ours.get(SETTLES, b"").decode("ascii", "replace")
    how = ours.get(SETTLED, b"").decode("ascii", "replace")
    topic, _, id_ = named.partition(":")
    if topic != message.topic or any(name.startswith(CONNECT) for name in ours):
        return None
    try:
        return LetterId.parse(id_), Settled(how)
    except ValueError:
        return None
