"""What is read in a note: by the tables and grammars, by the model, and what the note says of each value."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from medie_fhir.coding import Tables
from medie_fhir.confidence import Calibration, calibrated
from medie_fhir.described import NO_MODEL, Described, produced
from medie_fhir.errors import ModelError
from medie_fhir.extraction import READER as MODEL
from medie_fhir.extraction import Reading, Task, in_sight, read
from medie_fhir.grounding import AlignRules, Cues, agreed, ground
from medie_fhir.lexicon import READER as LEXICON
from medie_fhir.lexicon import Aside, Asides, Lexicon, Vocabulary, read_lexically
from medie_fhir.model import Fact, NoteText, Produced, RawValue, Usage
from medie_fhir.ports import Clock, ModelServer
from medie_fhir.telemetry import Telemetry
from medie_fhir.vocabularies import vocabularies

__all__ = ["LEXICON", "MODEL", "NoteRead", "Readers"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_THREAD = ThreadPoolExecutor(1, thread_name_prefix="reading")
"""Where notes are looked through: a long one takes seconds, in which the event loop must poll, commit and answer.

One for all, for Python runs one at a time anyway, and the more of them vie with the loop the longer it waits: with
sixteen notes in flight it was held up for 30 ms by one, 70 to 200 by two, 270 by sixteen, and for seconds where the
loop itself looked through them; the work took as long each time. To hand a note over costs 0.2 ms.
"""


@dataclass(frozen=True, slots=True)
class NoteRead:
    """What the readers saw in a note, grounded. ``triaged``: it shows no sign of the task's, and nobody was asked."""

    facts: tuple[Fact, ...]
    usage: Usage
    triaged: bool
    by: Produced


class Readers:
    """The readers of one task. ``names``: which of them read; the lexical one only where the task has a lexicon.

    What the lexicon knows to be said aside is said aside whoever reads. What only one of them has seen is kept with its
    name, for the mapping's policy to judge. ``calibration``: what their confidences are worth beside each other;
    without one, and of a reader that reads alone, they stay as they are.
    """

    def __init__(
        self,
        *,
        task: Task,
        lexicon: Lexicon | None,
        rules: Mapping[str, AlignRules],
        cues: Cues,
        model: ModelServer,
        calibration: Calibration | None = None,
        names: Collection[str] = (LEXICON, MODEL),
        triage: bool = True,
    ) -> None:
        self._task, self._rules, self._cues = task, rules, cues
        self._lexicon = lexicon if LEXICON in names else None
        self._asides = lexicon.asides if lexicon else Asides()
        self._asks = MODEL in names
        self._calibration = calibration if self._lexicon and self._asks else None
        self._model, self._triage = model, triage
        self._described = Described()
        self._known: tuple[str, dict[str, Vocabulary]] = ("", {})
        self._digest = _digest(task, self._lexicon, self._asides, self._calibration)

    def of(self, model: ModelServer) -> Readers:
        """The same readers with another model. What these have begun, they end."""
        other = copy(self)
        other._model, other._described = model, Described()  # noqa: SLF001 - one of ours
        return other

    async def read(self, note: NoteText, tables: Tables, clock: Clock, telemetry: Telemetry) -> NoteRead:
        """All readers' facts. Raises ModelError."""
        with telemetry.station("lexicon"):
            seen = await _apart(self._seen, note, tables)
        with telemetry.station("extraction"):
            reading, by = await self._asked(note, clock)
        telemetry.tokens(reading.usage.prompt_tokens, reading.usage.completion_tokens)
        with telemetry.station("grounding"):
            values = () if reading.triaged else (*seen, *reading.values)
            facts = agreed(await _apart(self._grounded, values, note), by=LEXICON) if values else ()
            facts = calibrated(facts, self._calibration)
        return NoteRead(facts, reading.usage, reading.triaged, by.model_copy(update={"task_digest": self._digest}))

    def _seen(self, note: NoteText, tables: Tables) -> tuple[RawValue, ...]:
        """What the lexical reader sees."""
        if self._lexicon is None:
            return ()
        if self._known[0] != tables.digest:
            self._known = (tables.digest, vocabularies(tables, self._lexicon.tables))
        return read_lexically(note, self._lexicon, self._known[1])

    def _grounded(self, values: tuple[RawValue, ...], note: NoteText) -> tuple[Fact, ...]:
        """The values as facts; what the note says aside is nobody's, whichever reader took it for said."""
        facts = ground(values, note, self._rules, self._cues)
        aside = Aside(note, self._asides)
        return tuple(aside.marked(fact) for fact in facts)

    async def _asked(self, note: NoteText, clock: Clock) -> tuple[Reading, Produced]:
        """What the model reads, and which model that is."""
        if not self._asks:
            triaged = self._triage and not in_sight(note.text, self._task)
            return Reading(triaged=triaged), produced(self._task, NO_MODEL, clock.now())
        try:
            reading = await read(note, self._task, self._model, triage=self._triage)
            model = await self._described.of(self._model, clock.now())
        except ModelError:
            self._described.forget()
            raise
        return reading, produced(self._task, model, clock.now())


async def _apart(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What a work gives in the thread of reading, with the caller's context: the loop goes on meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, partial(copy_context().run, work, *args, **kwargs))


def _digest(task: Task, lexicon: Lexicon | None, asides: Asides, calibration: Calibration | None) -> str:
    """SHA-256 (hex) of all that a task's files say of reading."""
    beside = [lexicon.digest] if lexicon else [repr(asides)] if asides != Asides() else []
    beside += [calibration.digest] if calibration else []
    return hashlib.sha256(" ".join([task.digest, *beside]).encode()).hexdigest() if beside else task.digest
