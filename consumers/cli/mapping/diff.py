"""``medie-fhir mapping diff``: what another mapping would make of stored extractions, beside what one makes now."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from consumers.cli.mapping.check import settings_with, tell_faults
from consumers.cli.mapping.diff_views import show
from consumers.cli.options import Config, err, progress, run_async
from consumers.records import StoredRecord, stored_records
from medie_fhir.configuration import Configuration, read_mapping, terminology_of
from medie_fhir.errors import InvalidMapping, RenderError
from medie_fhir.mapping import DiffSummary, render
from medie_fhir.mapping import diff as difference
from medie_fhir.model import ExtractionRecord, Json
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings
from medie_fhir.transaction import FACTS
from medie_fhir.wiring import open_pipeline

__all__ = ["diff"]

_SHORT = 16  # of a digest's characters, as in a mapping's label


def diff(  # noqa: PLR0917 - one parameter an option
    old: Annotated[str, typer.Argument(help="The mapping as it is: a file, or a shipped one's name.")],
    new: Annotated[str, typer.Argument(help="The mapping as it would be.")],
    on: Annotated[
        str,
        typer.Option(
            metavar="STORE|TOPIC|FILE",
            help="The extraction records: an NDJSON file or a folder of them; topic, or topic:NAME; or the store of"
            " `medie-fhir demo`, for the records beside it.",
        ),
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many documents.")] = None,
    samples: Annotated[int, typer.Option(min=0, help="So many examples of each kind and of each element.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    fail_on_change: Annotated[bool, typer.Option("--fail-on-change", help="Exit code 1 where anything differs.")] = (
        False
    ),
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Pass over what is no record, and count it.")] = (
        False
    ),
    config: Config = None,
    new_config: Annotated[
        Path | None, typer.Option(help="Settings for NEW alone: other terminology, other site rows. None: the same.")
    ] = None,
) -> None:
    """Show which resources would come, go or be others by another mapping; no model and no FHIR server is asked.

    Of each document the newest record counts. With one mapping twice and --new-config: what other terminology changes.
    Exit codes: 0 done, 1 NEW fails on a record, or a difference with --fail-on-change, or faults in a mapping, 2 wrong
    use, 3 the broker is not reachable.
    """
    sides = settings_with(Path(old), config), settings_with(Path(new), new_config or config)
    try:
        comparison = run_async(_compared(*sides, on, limit=limit, samples=samples, skip_broken=skip_broken))
    except InvalidMapping as error:
        tell_faults(error)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(comparison.to_json(), ensure_ascii=False))
    else:
        show(comparison.heads, comparison.summary, comparison.failed, comparison.failures)
    for place in comparison.broken[:samples]:
        err.print(place, highlight=False, soft_wrap=True)
    if comparison.broken:
        err.print(f"passed over, for they are no records: {len(comparison.broken)}", highlight=False)
    if comparison.failed["new"] or (fail_on_change and comparison.summary.differing):
        raise typer.Exit(1)


@dataclass
class _Comparison:
    """What was found: ``old`` and ``new`` are the mappings' labels; ``failures`` are ``samples`` of each side's.

    ``tables``: the digests of both sides' terminology tables.
    """

    old: str
    new: str
    tables: tuple[str, str]
    samples: int
    summary: DiffSummary
    failed: dict[str, int] = field(default_factory=lambda: {"old": 0, "new": 0})
    failures: list[Json] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def heads(self) -> tuple[str, str]:
        """What is compared: the labels, and with them the tables, where these differ."""
        old, new = (f", tables {digest[:_SHORT]}" for digest in self.tables)
        return (self.old, self.new) if old == new else (self.old + old, self.new + new)

    def add(self, record: ExtractionRecord, sides: dict[str, Pipeline]) -> None:
        """Compare one record's resources; one that either mapping fails on is told, and not compared."""
        document = record.document.reference
        made: dict[str, _Rendered] = {}
        for side, pipeline in sides.items():
            try:
                made[side] = _rendered(pipeline, record)
            except RenderError as error:
                self.failed[side] += 1
                if self.failed[side] <= self.samples:
                    self.failures.append({"document": document, "side": side, "error": str(error)})
        if len(made) < len(sides):
            return
        changes = difference(made["old"].resources, made["new"].resources)
        fields = made["old"].fields | made["new"].fields
        self.summary.add(document, ((fields[str(c.resource["id"])], c) for c in changes))

    def to_json(self) -> Json:
        """All of it as one JSON object."""
        tables = dict(zip(("old", "new"), self.tables, strict=True))
        head = {"old": self.old, "new": self.new, "tables": tables, "broken": len(self.broken)}
        return head | self.summary.to_json() | {"failed": self.failed, "failures": self.failures}


@dataclass(frozen=True, slots=True)
class _Rendered:
    """Resources, and by their id the field that each is made of."""

    resources: list[Json]
    fields: dict[str, str]


def _rendered(pipeline: Pipeline, record: ExtractionRecord) -> _Rendered:
    """What the record becomes; what several tasks read, each by the mapping of its task."""
    source = pipeline.options.documents.reference(record.document)
    rendered = _Rendered([], {})
    for part in pipeline.writing(record).parts:
        read, mapping, facts = part.record, part.drafting.mapping.file, part.drafting.coded(part.record)
        made = render(read, facts, mapping, source=source, recorded=read.produced.at, system=FACTS)
        fields = {coded.id: coded.fact.field for coded in facts}
        rendered.resources.extend(made)
        rendered.fields.update({r["id"]: fields.get(r["id"]) or fields[r["id"].rpartition("-")[0]] for r in made})
    return rendered


async def _compared(
    old: Settings, new: Settings, on: str, *, limit: int | None, samples: int, skip_broken: bool
) -> _Comparison:
    async with AsyncExitStack() as stack:
        sides: dict[str, Pipeline] = {}
        for side, settings, configuration in zip(("old", "new"), (old, new), _configurations(old, new), strict=True):
            opened = open_pipeline(settings, with_model=False, with_target=False, configuration=configuration)
            sides[side] = await stack.enter_async_context(opened)
        of_old, of_new = sides.values()
        labels, tables = (of_old.mapping.label, of_new.mapping.label), (of_old.tables.digest, of_new.tables.digest)
        comparison = _Comparison(*labels, tables, samples, DiffSummary(most=samples))
        err.print(f"reading {on} …", highlight=False, soft_wrap=True)
        stored = stored_records(on, old, broken=comparison.broken.append if skip_broken else None)
        async for record in _limited(stored, limit):
            comparison.add(record, sides)
    return comparison


def _configurations(old: Settings, new: Settings) -> tuple[Configuration, Configuration]:
    """Both sides' configurations; the tables are loaded once where both sides code by the same ones."""
    one = Configuration(old)
    if (old.task, old.site_terminology) != (new.task, new.site_terminology):
        return one, Configuration(new)
    mapping = read_mapping(new, one.task)
    if terminology_of(old, one.mapping) != terminology_of(new, mapping):
        return one, Configuration(new)
    other = copy.copy(one)
    other.mapping = mapping
    return one, other


async def _limited(stored: AsyncGenerator[StoredRecord, None], limit: int | None) -> AsyncIterator[ExtractionRecord]:
    """The records up to a limit, with a bar on stderr."""
    with progress() as bar:
        task = bar.add_task("documents", total=limit)
        async with aclosing(stored) as reading:
            count = 0
            async for one in reading:
                yield one.record
                count += 1
                bar.update(task, completed=count, total=min(limit or one.total, one.total))
                if count == limit:
                    break
