"""Which adapter came into use when, by whom and why: a file that is only ever appended to.

One JSON object a line. What is in use is what the last line leaves: ``promote`` puts an adapter on top of what was,
``rollback`` takes it off again, down to none, which is the adapter that the settings name by themselves.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medie_fhir.errors import SettingsError

__all__ = ["Journal", "Pinned", "Step"]


class Pinned(BaseModel):
    """An adapter as it was: its name, and the digest of its bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str


class Step(BaseModel):
    """One change of what is in use. ``at``: an ISO 8601 instant, UTC. None is the adapter of the settings alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    at: str
    who: str = Field(min_length=1)
    act: Literal["promote", "rollback"]
    before: Pinned | None = Field(alias="from")
    after: Pinned | None = Field(alias="to")
    why: str = Field(min_length=1)


class Journal:
    """The journal in a file; one that is not there is empty. All raise SettingsError for what can't be read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def steps(self) -> tuple[Step, ...]:
        """All changes, oldest first. A last line without its end was never acknowledged, and does not count."""
        try:
            whole = self.path.read_bytes().rpartition(b"\n")[0]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise SettingsError(f"{self.path}: can't be read: {error.strerror}") from None
        return tuple(self._step(number, line) for number, line in enumerate(whole.splitlines(), 1) if line)

    def in_use(self) -> Pinned | None:
        """The adapter in use; None where none was promoted, or each was rolled back."""
        used = _stack(self.steps())
        return used[-1] if used else None

    def promote(self, adapter: Pinned, *, who: str, why: str, at: str) -> Step:
        """Put an adapter into use. Raises SettingsError where it is already."""

        def step(used: list[Pinned]) -> Step:
            before = used[-1] if used else None
            if before == adapter:
                raise SettingsError(f"{adapter.name} is in use already, with this digest")
            return Step(at=at, who=who, act="promote", before=before, after=adapter, why=why)

        return self._append(step)

    def rollback(self, *, who: str, why: str, at: str, is_there: Callable[[Pinned], None]) -> Step:
        """Go back to what was in use before the last promotion that stands; ``is_there`` raises where it can't be had.

        Raises SettingsError where there is nothing to go back from.
        """

        def step(used: list[Pinned]) -> Step:
            if not used:
                raise SettingsError(f"{self.path}: no promotion stands, so there is nothing to go back from")
            after = used[-2] if len(used) > 1 else None
            if after is not None:
                is_there(after)
            return Step(at=at, who=who, act="rollback", before=used[-1], after=after, why=why)

        return self._append(step)

    def _append(self, step: Callable[[list[Pinned]], Step]) -> Step:
        """Judge and write under one lock: of two at once, the second sees the first's."""
        try:
            with self._locked() as file:
                made = step(_stack(self.steps()))
                line = made.model_dump_json(by_alias=True).encode() + b"\n"
                size = os.fstat(file).st_size
                if size and os.pread(file, 1, size - 1) != b"\n":  # a line that a crash cut off
                    os.ftruncate(file, self.path.read_bytes().rfind(b"\n") + 1)
                os.write(file, line)
                os.fsync(file)
        except OSError as error:
            raise SettingsError(f"{self.path}: can't be written: {error.strerror}") from None
        return made

    @contextmanager
    def _locked(self) -> Iterator[int]:
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def _step(self, number: int, line: bytes) -> Step:
        try:
            return Step.model_validate_json(line)
        except ValidationError:
            raise SettingsError(f"{self.path}:{number}: is no step of a journal; it is only appended to") from None


def _stack(steps: Sequence[Step]) -> list[Pinned]:
    """The promotions that stand, oldest first."""
    used: list[Pinned] = []
    for step in steps:
        if step.act == "promote" and step.after is not None:
            used.append(step.after)
        elif used:
            used.pop()
    return used
