"""``medie-fhir mapping test``: the cases beside a mapping, each an extraction and the resources it should become."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from consumers.cli.mapping.check import settings_with, tell_faults
from consumers.cli.options import Config, err, out, run_async
from medie_fhir.errors import InvalidMapping, RenderError, SettingsError
from medie_fhir.mapping import ABSENT, Mismatch, expecting, load_case, mismatches, updated
from medie_fhir.model import CodedFact
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped
from medie_fhir.wiring import open_pipeline

__all__ = ["run_cases"]

_UNSAID = "expects nothing yet: give expect or expect_none, or have it written by --update"


def run_cases(
    mapping: Annotated[str | None, typer.Argument(help="A mapping: file or shipped name; none: the settings'.")] = None,
    cases: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the cases are; else NAME.tests beside NAME.yaml.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write what is found into the cases that differ, after showing it.")
    ] = False,
    config: Config = None,
) -> None:
    """Try a mapping on its cases (docs/mapping-tests.md); what differs is told with path, expected and found.

    Exit codes: 0 all pass, 1 some don't, or faults in the mapping, 2 no cases, or wrong settings.
    """
    settings = settings_with(None if mapping is None else Path(mapping), config)
    folder = cases or _beside(settings.mapping)
    files = sorted(file for pattern in ("*.yaml", "*.yml") for file in folder.glob(pattern))
    if not files and cases is not None:
        raise typer.BadParameter(f"{folder}: holds no cases (*.yaml): see docs/mapping-tests.md", param_hint="--cases")
    if not files:
        err.print(
            f"{settings.mapping}: has no cases yet, for there is no {folder} with *.yaml in it.\n"
            f"Copy some of {shipped('mappings', 'default.tests')} there, or write a file with an extraction alone, and"
            " --update writes what it becomes (docs/mapping-tests.md).",
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(2)
    try:
        failed = run_async(_tested(settings, files, update=update))
    except InvalidMapping as error:
        tell_faults(error)
        raise typer.Exit(1) from None
    out.print(f"cases {len(files)}, of which {failed or 'none'} failed", highlight=False)
    if failed:
        raise typer.Exit(1)


def _beside(mapping: str) -> Path:
    path = Path(mapping)
    return (path if path.suffix else shipped("mappings", f"{mapping}.yaml")).with_suffix(".tests")


async def _tested(settings: Settings, files: Sequence[Path], *, update: bool) -> int:
    """Show each case's outcome; how many don't pass in the end."""
    failed = 0
    async with open_pipeline(settings, with_model=False, with_target=False) as pipeline:
        for file in files:
            result = _result(pipeline, file)
            _show(file.stem, result)
            if result.passed:
                continue
            if update and result.instead is not None:
                _replace(file, result.instead)
                out.print("      written", highlight=False)
            else:
                failed += 1
    return failed


@dataclass(frozen=True, slots=True)
class _Result:
    """What a case came to. ``faults``: of the case's file, or the mapping on it. ``instead``: its text, as found."""

    about: str = ""
    told: tuple[Mismatch, ...] = ()
    held_back: tuple[CodedFact, ...] = ()
    faults: tuple[str, ...] = ()
    instead: str | None = field(default=None)

    @property
    def passed(self) -> bool:
        return not self.told and not self.faults


def _result(pipeline: Pipeline, file: Path) -> _Result:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{file}: can't be read as UTF-8 text") from None
    try:
        case = load_case(text, file.name, pipeline.fields)
    except InvalidMapping as error:
        return _Result(faults=tuple(error.faults))
    produced = case.record.produced.model_copy(update={"task": pipeline.task.name})
    record = case.record.model_copy(update={"produced": produced})
    try:
        found = pipeline.resources(record, produced.at)
    except RenderError as error:
        return _Result(case.about, faults=(str(error),))
    expected = case.expect or ()
    faults = (_UNSAID,) if case.expect is None else ()
    told = mismatches(expected, found, exact=case.exact)
    held_back = tuple(fact for fact in pipeline.coded(record) if not fact.written) if told else ()
    instead = expecting(text, updated(expected, found, exact=case.exact))
    return _Result(case.about, tuple(told), held_back, faults, instead)


def _replace(file: Path, text: str) -> None:
    """Put a text in the place of a file's, whole or not at all."""
    beside = file.with_name(f".{file.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def _show(name: str, result: _Result) -> None:
    if result.passed:
        out.print(f"ok    {name}", style="green", highlight=False)
        return
    about = f": {result.about}" if result.about else ""
    out.print(f"FAIL  {name}{about}", style="red", highlight=False, soft_wrap=True)
    for line in _lines(result):
        out.print(f"      {line}", highlight=False, soft_wrap=True)


def _lines(result: _Result) -> Iterator[str]:
    yield from result.faults
    for mismatch in result.told:
        yield mismatch.path
        yield f"  expected  {_said(mismatch.expected)}"
        yield f"  found     {_said(mismatch.found)}"
    for coded in result.held_back:
        yield f"held back: {coded.fact.field} {json.dumps(coded.fact.value, ensure_ascii=False)}: {coded.reason}"


def _said(value: Any) -> str:
    return "nothing" if value is ABSENT else json.dumps(value, ensure_ascii=False)
