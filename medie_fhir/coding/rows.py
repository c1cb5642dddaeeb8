"""The rows of one file of a terminology table: CSV as an integrator, or a spreadsheet, writes it. All faults are told.

Columns ``concept,role,system,code,display,synonyms,source``. A row of role ``text`` gives a concept's name and
wordings; ``kind`` and ``is-a`` are words of ours, without a system; every other role is a coding. Wordings are parted
by ``|``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from medie_fhir.code_form import malformed

__all__ = ["COLUMNS", "Row", "contradictions", "read_rows"]

COLUMNS = ("concept", "role", "system", "code", "display", "synonyms", "source")
_NAMING = frozenset({"text", "gene"})
_WORD_ROLES = frozenset({"kind", "is-a"})
_ROLES = "body_site broader category code fish gene ihc ingredient laterality left m method n observation quantity"
_CODING_ROLES = frozenset({*_ROLES.split(), "ratio", "right", "t", "unit", "value"})
_URI = re.compile(r"^(https?://|urn:)\S+$")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


class Row(NamedTuple):
    """A row as it is written, and where: ``cancers.csv:12``. ``own``: it is one of the site's."""

    place: str
    own: bool
    concept: str
    role: str
    system: str
    code: str
    display: str
    synonyms: str
    source: str

    @property
    def names(self) -> bool:
        """Whether its display names the concept."""
        return self.role in _NAMING

    @property
    def codes(self) -> bool:
        """Whether it is a coding."""
        return self.role in _CODING_ROLES

    @property
    def wordings(self) -> list[str]:
        """What the concept is found by."""
        synonyms = [wording for wording in self.synonyms.split("|") if wording] if self.synonyms else []
        return [self.display, *synonyms] if self.display and self.names else synonyms


def read_rows(path: Path, content: bytes, faults: list[str], *, own: bool) -> Iterator[Row]:
    """The sound rows of a file; what is wrong with the others, or with the whole, is added to ``faults``."""
    label = str(path) if own else path.name
    before = len(faults)
    count = 0
    try:
        # With newline="", as csv wants it: str.splitlines also parts at the separators of Unicode within a cell.
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        faults.append(f"{label}:{line}: not UTF-8 CSV: save the table as CSV UTF-8")
        return
    try:
        header = next(reader, [])
        if fault := _header_fault(header):
            faults.append(f"{label}:1: {fault}")
            return
        order = [header.index(column) for column in COLUMNS]
        for cells in reader:
            if not any(cells):  # a spreadsheet writes its empty rows as commas
                continue
            place = f"{label}:{reader.line_num}"
            if len(cells) != len(header):
                faults.append(f"{place}: not {len(header)} columns")
                continue
            row = Row(place, own, *(cells[index] for index in order))
            if fault := _fault(row):
                faults.append(f"{place}: {fault}")
            else:
                count += 1
                yield row
    except csv.Error as error:
        faults.append(f"{label}:{reader.line_num}: not CSV: {error}")
    if not count and len(faults) == before:
        faults.append(f"{label}: no rows")


def _header_fault(header: list[str]) -> str | None:
    lacking = [column for column in COLUMNS if column not in header]
    if not lacking:
        twice = sorted({column for column in COLUMNS if header.count(column) > 1})
        return f"column {', '.join(twice)} stands twice" if twice else None
    fault = f"column {', '.join(lacking)} missing"
    if len(header) == 1:
        parted = next((name for mark, name in _SEPARATORS.items() if mark in header[0]), None)
        if parted:
            return f"{fault}: the cells are parted by {parted}: save the table with commas"
    if set(lacking) <= {column.strip().lower() for column in header}:
        return f"{fault}: write the names of the columns small and without spaces"
    return fault


def _fault(row: Row) -> str | None:
    if not row.concept or not row.source:
        return "concept or source is empty"
    if row.codes:
        if not row.code or not _URI.match(row.system):
            return f"role {row.role} needs a code and a system that is an absolute URI"
    elif row.role != "text" and row.role not in _WORD_ROLES:
        return f"unknown role {row.role}"
    elif row.system or (row.role != "text" and not row.code):
        return f"role {row.role} has no system, and {row.role} other than text has a code"
    return _own_fault(row) if row.own else None


def _own_fault(row: Row) -> str | None:
    """What a person's hand or a spreadsheet does to a cell; the shipped tables are built, and tested for it."""
    for column, cell in zip(COLUMNS, row[2:], strict=True):
        if _CONTROL.search(cell):
            return f"{column} holds a control character"
        if column in ("concept", "role", "code") and cell != cell.strip():
            return f"{column} has a space before or after it"
    if row.concept != row.concept.lower():
        return "concept is written small"
    wrong = malformed(row.system, row.code) if row.codes else None
    return f"code {row.code} is {wrong}" if wrong else None


def contradictions(rows: Iterable[Row]) -> Iterator[str]:
    """What one file says twice, or says in two ways: a row, a concept's name, its code in a system."""
    seen: dict[tuple[str, ...], Row] = {}
    for row in rows:
        same = seen.setdefault(row[2:8], row)
        if same is not row:
            yield f"{row.place}: the same row as line {same.place.rpartition(':')[2]}"
            continue
        if row.role == "text" and row.display:
            other = seen.setdefault(("name", row.concept), row)
            if other is not row:
                yield f"{row.place}: a second name of {row.concept}: line {other.place.rpartition(':')[2]} has one"
        if row.role == "code":
            other = seen.setdefault(("code", row.concept, row.system), row)
            if other is not row:
                where = other.place.rpartition(":")[2]
                yield f"{row.place}: a second code of {row.concept} in {row.system}: line {where} has {other.code}"
