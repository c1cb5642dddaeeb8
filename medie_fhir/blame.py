"""Whose work an error came from, where several tasks read a note: kept with the error, whatever its class (PEP 678)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["in_task", "task_of"]

_TASK = "in the task "


@contextmanager
def in_task(name: str) -> Iterator[None]:
    """Name the task with any error of what is done within; the error goes on as it is."""
    try:
        yield
    except Exception as error:
        error.add_note(f"{_TASK}{name}")
        raise


def task_of(error: BaseException) -> str | None:
    """The task that an error came from; None where it is not told."""
    told = (note.removeprefix(_TASK) for note in getattr(error, "__notes__", ()) if note.startswith(_TASK))
    return next(told, None)
