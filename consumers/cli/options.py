"""What several commands share: the settings file, the event loop, the consoles, the progress."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from medie_fhir.settings import Settings, load_settings

__all__ = ["Config", "bytes_progress", "err", "hushed", "out", "progress", "run_async", "settings_of"]

Config = Annotated[
    Path | None, typer.Option("--config", envvar="MEDIE_CONFIG", help="A YAML file of settings (docs/settings.md).")
]

T = TypeVar("T")

_WIDTH_IN_A_FILE = 120  # columns, where nobody's terminal says how many there are


def _console(*, stderr: bool = False) -> Console:
    """Without markup: what stands in brackets in a note or a path is no style, and "[/b]" would end the command."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, markup=False, emoji=False, width=None if terminal else _WIDTH_IN_A_FILE)


out, err = _console(), _console(stderr=True)


def settings_of(config: Path | None) -> Settings:
    """The settings from a file, the environment and the defaults. Raises SettingsError."""
    return load_settings(config)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; the HTTP client's log stays quiet, for URLs hold patients' ids."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return asyncio.run(work)


@contextmanager
def hushed(logger: str) -> Iterator[None]:
    """For as long as a command tells by itself what these lines would say, nothing but errors is logged there."""
    log = logging.getLogger(logger)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def progress() -> Progress:
    """A progress bar on a terminal; elsewhere nothing moves, and commands print plain lines instead."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    )


@contextmanager
def bytes_progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress of steps that are counted in bytes; where nobody watches, one plain line a step."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=err, disable=not err.is_terminal
    )
    steps: dict[str, Any] = {}

    def told(step: str, done: int, total: int | None) -> None:
        if step not in steps:
            steps[step] = bar.add_task(step, total=total)
            if not err.is_terminal:
                err.print(f"{step} …", highlight=False)
        bar.update(steps[step], completed=done, total=total)

    with bar:
        yield told
