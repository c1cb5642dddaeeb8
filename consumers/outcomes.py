"""What became of each note: counted, and told to whoever listens (a line of the demo, a metric)."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from consumers.broker import Message
from medie_fhir.drift import Seen
from medie_fhir.errors import MedieError, Policy

__all__ = ["NoteFailed", "NoteOutcome", "Report", "Verdict", "policy_of"]

log = logging.getLogger(__name__)


class Verdict(StrEnum):
    """What became of a note at one stage."""

    ACCEPTED = "accepted"  # its record, or its resources, are written
    SKIPPED = "skipped"  # nothing to do, and nobody's fault
    RETRACTED = "retracted"  # its document no longer holds, and that is written
    REFUSED = "refused"  # a bad entry among others of one record; the record's dead letter speaks for it
    DEAD_LETTER = "dead-letter"  # the record's dead letter is acknowledged


@dataclass(frozen=True, slots=True)
class NoteOutcome:
    """One note at one stage. ``document`` is ``DocumentInfo.reference`` where it is known.

    ``detail`` is the name of an error's class or one of a small fixed set of words, never an error's text.
    ``written``, ``retracted``, ``kept``: its resources that were written, taken back, left as someone else left them.
    ``seen``: what its models saw, in numbers.
    """

    document: str | None
    topic: str
    partition: int
    offset: int
    stage: str
    verdict: Verdict
    detail: str | None
    seconds: float
    written: int = 0
    retracted: int = 0
    kept: int = 0
    seen: tuple[Seen, ...] = ()

    @property
    def shown(self) -> str:
        """How a log names the document: not by its identifier, which may hold a patient's, or a line break."""
        if self.document is None:
            return "?"
        return "identifier" if "|" in self.document else self.document

    @classmethod
    def of(
        cls,
        message: Message,
        *,
        stage: str,
        verdict: Verdict,
        seconds: float,
        document: str | None = None,
        detail: str | None = None,
    ) -> NoteOutcome:
        """The outcome of a note that came in ``message``."""
        return cls(document, message.topic, message.partition, message.offset, stage, verdict, detail, seconds)


class NoteFailed(Exception):
    """An error together with the document it befell, which the error itself doesn't know."""

    def __init__(self, error: BaseException, document: str | None = None, key: str | None = None) -> None:
        super().__init__(type(error).__name__)
        self.error = error
        self.document = document
        self.key = key


def policy_of(error: BaseException) -> Policy:
    """What is to be done about an error; one that isn't ours is a bug, and its record a dead letter."""
    return error.policy if isinstance(error, MedieError) else Policy.DEAD_LETTER


class Report:
    """Counts outcomes and errors, and passes each on. Thread-safe; a listener that raises harms no record."""

    def __init__(
        self,
        on_note: Callable[[NoteOutcome], None] | None = None,
        on_error: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._on_note = on_note
        self._on_error = on_error
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, Verdict]] = Counter()
        self._errors: Counter[tuple[str, str]] = Counter()

    def finished(self, outcome: NoteOutcome) -> None:
        """A note is finished at a stage."""
        with self._lock:
            self._counts[outcome.stage, outcome.verdict] += 1
        if self._on_note is not None:
            self._tell(self._on_note, outcome)

    def failed(self, stage: str, error: BaseException) -> None:
        """An attempt at a record failed, whatever becomes of it."""
        with self._lock:
            self._errors[stage, type(error).__name__] += 1
        if self._on_error is not None:
            self._tell(self._on_error, stage, error)

    def counts(self) -> dict[tuple[str, Verdict], int]:
        """How many notes, by stage and verdict."""
        with self._lock:
            return dict(self._counts)

    def errors(self) -> dict[tuple[str, str], int]:
        """How many attempts failed, by stage and the error's class."""
        with self._lock:
            return dict(self._errors)

    def _tell(self, listener: Callable[..., None], *what: object) -> None:
        try:
            listener(*what)
        except Exception as error:  # noqa: BLE001 - what listens is foreign, and the note is finished whatever it does
            log.error("a listener of outcomes failed with %s", type(error).__name__)  # noqa: TRY400 - no text in logs
