"""A mapping's test case: an extraction, and the resources that it should become (docs/mapping-tests.md)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import Field, ValidationError

from medie_fhir.errors import InvalidMapping
from medie_fhir.mapping.said import said
from medie_fhir.mapping.source import Source
from medie_fhir.mapping.suggest import meant
from medie_fhir.model import (
    Alignment,
    Assertion,
    DocumentInfo,
    Evidence,
    Experiencer,
    ExtractionRecord,
    Fact,
    Frozen,
    Json,
    Outcome,
    Produced,
)

__all__ = ["Case", "expecting", "load_case"]

_DOCUMENT: Json = {
    "reference": "DocumentReference/case",
    "status": "current",
    "subject": {"reference": "Patient/case"},
    "date": "2026-01-01T09:00:00Z",
}
_PRODUCED = Produced(at="2026-01-02T10:00:00Z", software="case", task="case", task_digest="0", model="case")
_M = TypeVar("_M", bound=Frozen)
_EXPECTATIONS = ("expect", "expect_none")


class _Fact(Frozen):
    field: str
    value: str
    evidence: str | tuple[str, ...] | None = None
    section: str | None = None
    alignment: Alignment | None = None
    assertion: Assertion = Assertion.PRESENT
    experiencer: Experiencer = Experiencer.PATIENT
    confidence: float | None = Field(default=None, ge=0, le=1)
    readers: tuple[str, ...] = ("model",)
    group: int | None = None


class _Extraction(Frozen):
    document: Json = Field(default_factory=dict)
    facts: tuple[_Fact, ...] = ()


class _File(Frozen):
    about: str = ""
    extraction: Json
    expect: tuple[Json, ...] | None = None
    expect_none: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """``expect`` is None where the case doesn't say yet; empty where nothing may be written."""

    about: str
    record: ExtractionRecord
    expect: tuple[Json, ...] | None
    exact: bool


def load_case(text: str, name: str, fields: Collection[str]) -> Case:
    """The case in a YAML ``text``; ``name`` is its file's for messages, ``fields`` those of the mapping's task.

    Raises InvalidMapping with all faults.
    """
    source = Source(text, name, "a case is a YAML mapping with extraction, and expect or expect_none")
    if source.faults:
        raise InvalidMapping(source.faults)
    faults: list[str] = []
    file = record = None
    try:
        file = _validated(_File, source.data, source, ())
    except InvalidMapping as error:
        faults += error.faults
    if file is not None and file.expect is not None and file.expect_none:
        faults.append(source.fault(("expect_none",), "there is an expect too: one of them"))
    extraction = source.data.get("extraction")
    if isinstance(extraction, dict):
        try:
            record = _record(extraction, source)
        except InvalidMapping as error:
            faults += error.faults
        faults += _of_no_field(extraction, fields, source)
    if faults or file is None or record is None:
        raise InvalidMapping(faults)
    return Case(file.about, record, () if file.expect_none else file.expect, file.exact)


def _of_no_field(extraction: Json, fields: Collection[str], source: Source) -> Iterator[str]:
    """The facts of a field that the task doesn't have, whatever else is wrong with them."""
    facts = extraction.get("facts")
    for index, fact in enumerate(facts if isinstance(facts, list) else ()):
        field = fact.get("field") if isinstance(fact, dict) else None
        if isinstance(field, str) and field not in fields:
            what = f"no field of the task{meant(field, fields)}; allowed: {', '.join(fields)}"
            yield source.fault(("extraction", "facts", index, "field"), what)


def _validated(model: type[_M], data: Any, source: Source, at: tuple[str | int, ...]) -> _M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False)  # a case may be a patient's record: no value is shown
        raise InvalidMapping([source.fault((*at, *e["loc"]), said(e, model, shows=False)) for e in found]) from None


def _record(extraction: Json, source: Source) -> ExtractionRecord:
    """The record of a case: whole, as it stands on the topic, or with all left out that a case needn't say."""
    at = ("extraction",)
    if "schema" in extraction:
        return _validated(ExtractionRecord, extraction, source, at)
    short = _validated(_Extraction, extraction, source, at)
    document = _validated(DocumentInfo, _DOCUMENT | short.document, source, (*at, "document"))
    facts: list[Fact] = []
    place = 0
    for fact in short.facts:
        evidence = _evidence(fact, place)
        place = evidence[-1].end + 1 if evidence else place
        facts.append(_whole(fact, evidence))
    return ExtractionRecord(document=document, produced=_PRODUCED, outcome=Outcome.EXTRACTED, facts=tuple(facts))


def _evidence(fact: _Fact, place: int) -> tuple[Evidence, ...]:
    """A fact's words, one after another in a note that is made of nothing else; its value where it names none."""
    given = fact.value if fact.evidence is None else fact.evidence
    made: list[Evidence] = []
    for text in (given,) if isinstance(given, str) else given:
        made.append(Evidence(start=place, end=place + max(len(text), 1), text=text, section=fact.section))
        place = made[-1].end + 1
    return tuple(made)


def _whole(fact: _Fact, evidence: tuple[Evidence, ...]) -> Fact:
    told = fact.model_dump(exclude={"evidence", "section", "alignment"})
    return Fact(
        **told, evidence=evidence, alignment=fact.alignment or (Alignment.EXACT if evidence else Alignment.NONE)
    )


def expecting(text: str, found: Sequence[Json]) -> str:
    """A case's text with other expectations, all else as it was written."""
    new = "expect_none: true\n"
    if found:
        new = _dumped({"expect": list(found)})
    lines = text.splitlines(keepends=True)
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    places = [(k.start_mark.line, _last_line(v)) for k, v in pairs if k.value in _EXPECTATIONS]
    if not places:
        return "".join(lines) + ("" if re.search(r"\n\Z", text) else "\n") + new
    (first, last), *_ = places
    return "".join(lines[:first]) + new + "".join(lines[last + 1 :])


def _dumped(told: Json) -> str:
    """As YAML, readable where that is the same; PyYAML folds Unicode's odd line breaks away unless they are escaped."""
    for readable in (True, False):
        text = yaml.safe_dump(told, sort_keys=False, allow_unicode=readable, default_flow_style=None, width=120)
        if yaml.safe_load(text) == told:
            break
    return str(text)


def _last_line(node: yaml.Node) -> int:
    """The line that a value ends on; a block's own end is where the next one begins, past comments."""
    inner = [n for pair in node.value for n in pair] if isinstance(node, yaml.MappingNode) else node.value
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and inner:
        return _last_line(inner[-1])
    end = node.end_mark
    return int(end.line if end.column else end.line - 1)
