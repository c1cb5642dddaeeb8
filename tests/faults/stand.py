"""The stand of one row: topics, model, FHIR server, consumers, events; and the verdict at the end."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from corpus import Corpus
from fhir_stub import FhirStub
from kafka_side import KafkaSide
from leaks import Leaks
from member import Member
from model_stub import MODEL, ModelStub
from oracle import Letter, Reference, check_against_drawing, compare, name_of, state_of

__all__ = ["Row", "Stand"]

_GIVEN_UP_AFTER_S = 90.0  # without any progress


@dataclass(frozen=True, slots=True)
class Row:
    """What one fault came to: what ``build/faults.json`` holds a line of."""

    fault: str
    events: int
    lost: int
    duplicated: int
    out_of_order: int
    stuck: int
    leaked: int
    dead_letters_expected: int
    dead_letters_seen: int
    recovery_s: float | None
    problems: tuple[str, ...] = ()
    """All that went wrong, in words; the numbers above are but the most important."""

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong."""
        wrong = (self.lost, self.duplicated, self.out_of_order, self.stuck, self.leaked, len(self.problems))
        return not any(wrong) and self.dead_letters_expected == self.dead_letters_seen and self.recovery_s is not None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, without the words."""
        return {name: value for name, value in asdict(self).items() if name != "problems"}


class Stand:
    """A context manager; what it started it ends."""

    def __init__(self, fault: str, corpus: Corpus, expected: Reference, address: str, folder: Path) -> None:
        self.fault, self.corpus, self.expected, self.folder = fault, corpus, expected, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.leaks = Leaks()
        self.model, self.fhir = ModelStub(self.leaks), FhirStub(self.leaks)
        asyncio.run(self.fhir.twin.transact(corpus.seed))
        self.kafka = KafkaSide(address, f"{fault}-{int(time.time())}")
        self.members: list[Member] = []
        self.settings: dict[str, str] = {}
        self.launcher: Sequence[str] = ()
        self.broker: Any = None
        self._started = self._fed = self._applied_then = 0
        self._recoveries: list[float] = []
        self.problems: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self.members:
            member.kill()
        self.fhir.close()
        self.model.close()
        self.kafka.close()
        self.fhir.twin.close()

    # --- for the faults -----------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Tell of the progress, on stderr."""
        sys.stderr.write(f"  {self.fault}: {text}\n")
        sys.stderr.flush()

    def feed(self, share: float) -> None:
        """Write events until this share of all is written."""
        until = round(share * len(self.corpus.events))
        self._applied_then = len(self.fhir.applied)
        self.kafka.write(self.corpus.events[self._fed : until])
        self._fed = max(self._fed, until)

    def start(self, *command: str, wait: bool = True) -> Member:
        """Start a consumer of both halves or of the one that is named, and return when it runs."""
        self._started += 1
        log = self.folder / f"consumer-{self._started}.log"
        member = Member(command, self._env(), log, self.leaks, self.launcher)
        self.members.append(member)
        if wait:
            member.await_running()
        return member

    def must(self, what: bool, problem: str) -> None:
        """Note a problem where something is not so."""
        if not what:
            self.problems.append(problem)

    def start_halves(self) -> None:
        """Start a consumer for each half, and return when both run."""
        for member in [self.start(half, wait=False) for half in ("extract", "publish")]:
            member.await_running()

    def ends_well(self, member: Member) -> None:
        """SIGTERM: it must end by itself, with 0."""
        if (status := member.stop()) != 0:
            self.problems.append(f"a consumer ended with {status} at SIGTERM")

    def await_applied(self, more: int = 1, within_s: float = 90.0) -> None:
        """Return when so many more transactions were applied since events were last written."""
        wanted = self._applied_then + more
        self.await_true(lambda: len(self.fhir.applied) >= wanted, within_s, f"{more} more transactions")

    def await_true(self, what: Callable[[], bool], within_s: float, named: str) -> None:
        """Return when something is true; a problem is noted where it does not become so."""
        deadline = time.monotonic() + within_s
        while not what():
            if time.monotonic() > deadline:
                self.problems.append(f"waited {within_s:.0f} s in vain for {named}")
                return
            time.sleep(0.05)

    def pause(self, seconds: float) -> None:
        """Let a fault last: no event ends it."""
        time.sleep(seconds)

    @contextmanager
    def outage(self, *, seen_by: str = "fhir") -> Iterator[None]:
        """What is done within is the fault; at its end recovery begins. ``seen_by``: whose next work ends that."""
        yield
        self.recovering(seen_by)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Within, others go on while a part is broken: recovery is the longest time in which nothing was done."""
        began = time.monotonic()
        yield
        times = [began, *(moment for moment in self.fhir.applied if moment > began), time.monotonic()]
        longest = max(after - before for before, after in pairwise(times))
        self._recoveries.append(longest)
        self.say(f"the longest stand-still: {longest:.1f} s")

    def recovering(self, seen_by: str = "fhir") -> None:
        """The fault is over: write some more, and measure until the first work that is done."""
        ended = time.monotonic()
        self.feed(min(1.0, self._fed / len(self.corpus.events) + 0.05))
        times = self.fhir.applied if seen_by == "fhir" else self.model.answered
        self.await_true(lambda: bool(times) and times[-1] > ended, 120, "work after the fault")
        first = next((moment for moment in times if moment > ended), None)
        if first is not None:
            self._recoveries.append(first - ended)
            self.say(f"recovered after {first - ended:.1f} s")

    def finish(self) -> None:
        """Write what is left, and return when all is done, or nothing moves any more."""
        self.feed(1.0)
        self.kafka.written()
        began = moved = time.monotonic()
        before: Any = None
        while (lags := (self.kafka.lag(self.kafka.events), self.kafka.lag(self.kafka.extractions))) != (0, 0):
            state = (lags, len(self.fhir.applied), len(self.model.answered))
            if state != before:
                before, moved = state, time.monotonic()
            if time.monotonic() - moved > _GIVEN_UP_AFTER_S or not any(member.alive for member in self.members):
                self.problems.append(f"given up at lags {lags}, {sum(m.alive for m in self.members)} consumers alive")
                break
            time.sleep(0.3)
        self.say(f"all done {time.monotonic() - began:.1f} s after the fault")
        for member in self.members:
            if member.alive:
                self.ends_well(member)
            else:
                self.must(member.told_to_end, f"a consumer ended by itself with {member.status}")

    def judge(self) -> Row:
        """The row."""
        verdict = compare(self.expected.state, state_of(self.fhir.twin))
        verdict += check_against_drawing(self.fhir.twin, self.corpus)
        seen = self._dead_letters()
        for letter in sorted(seen - self.expected.letters):
            self.problems.append(f"a dead letter too many: {letter}")
        for letter in sorted(self.expected.letters - seen):
            self.problems.append(f"no dead letter: {letter}")
        for record in self.kafka.read(self.kafka.extractions):
            for name, value in record.headers:
                self.leaks.look("a header of an extraction record", f"{name}: {value!r}")
        lags = [self.kafka.lag(topic) for topic in (self.kafka.events, self.kafka.extractions)]
        for where, text in sorted(self.leaks.found):
            self.problems.append(f"leaked in {where}: {text!r}")
        for problem in self.problems:
            self.say(problem)
        looked = ", ".join(f"{count} × {where}" for where, count in sorted(self.leaks.looked.items()))
        self.say(f"looked for sentinels in {looked}")
        return Row(
            fault=self.fault,
            events=len(self.corpus.events),
            lost=verdict.lost + len(self.expected.letters - seen),
            duplicated=verdict.duplicated + len(seen - self.expected.letters),
            out_of_order=verdict.out_of_order,
            stuck=sum(lag if lag is not None else 1 for lag in lags),
            leaked=len(self.leaks.found),
            dead_letters_expected=len(self.expected.letters),
            dead_letters_seen=len(seen),
            recovery_s=round(max(self._recoveries), 2) if self._recoveries else None,
            problems=tuple(self.problems),
        )

    # --- the parts ----------------------------------------------------------------------------------------------------

    def _dead_letters(self) -> set[Letter]:
        """Each record that was refused, once however often its letter was written: redelivery may write it again."""
        letters = set()
        for record in self.kafka.read(self.kafka.dead_letters):
            headers = {name: (value or b"").decode("latin-1") for name, value in record.headers}
            self.leaks.look("a header of a dead letter", str(record.headers))
            stage = headers["__connect.errors.stage"]
            letters.add((stage, headers["medie.error.class"], name_of(record.key, record.value)))
        return letters

    def _env(self) -> dict[str, str]:
        kafka = self.kafka
        return {
            "MEDIE_KAFKA__BOOTSTRAP_SERVERS": ",".join(kafka.address),
            "MEDIE_KAFKA__EVENTS": kafka.events,
            "MEDIE_KAFKA__EXTRACTIONS": kafka.extractions,
            "MEDIE_KAFKA__DEAD_LETTERS": kafka.dead_letters,
            "MEDIE_KAFKA__GROUP": kafka.groups[kafka.events].removesuffix("-extract"),
            "MEDIE_KAFKA__SESSION_TIMEOUT_SECONDS": "6",
            "MEDIE_LOOP__DEAD_LETTER_BURST": "0",
            "MEDIE_LOOP__DRAIN_SECONDS": "5",
            "MEDIE_LOOP__OUTAGE_AFTER_ATTEMPTS": "2",
            "MEDIE_MODEL__BASE_URL": f"{self.model.root}/v1",
            "MEDIE_MODEL__NAME": MODEL,
            "MEDIE_MODEL__TIMEOUT_SECONDS": "3",
            "MEDIE_FHIR__BASE_URL": self.fhir.base_url,
            "MEDIE_FHIR__TIMEOUT_SECONDS": "2",
            "MEDIE_FHIR__ATTEMPTS": "2",
            "MEDIE_TRACING__ENDPOINT": self.model.root,
            "MEDIE_TRACING__SAMPLED": "0.2",
            **self.settings,
        }
