"""The terminology tables' files: CSV that an integrator edits, checked when they are loaded, all faults at once.

Columns ``concept,role,system,code,display,synonyms,source``. The rows of one ``concept`` (a slug) are one meaning. A
row of role ``text`` gives its name and wordings, and may be its only row: a concept need not have a code. ``kind`` and
``is-a`` are words of ours, without a system; every other role is a coding. Wordings are parted by ``|``.
A site's own rows stand in a folder of their own, in files of the same names, and win. See docs/terminology.md.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from medie_fhir.coding.coder import lacking
from medie_fhir.coding.tables import Entry, Table, Tables
from medie_fhir.coding.wording import fold
from medie_fhir.errors import InvalidTerminology
from medie_fhir.model import Coding

__all__ = ["COLUMNS", "digest_of", "load_tables"]

COLUMNS = ("concept", "role", "system", "code", "display", "synonyms", "source")
_NAMING = frozenset({"text", "gene"})
_WORD_ROLES = frozenset({"kind", "is-a"})
_ROLES = "body_site broader category code fish gene ihc ingredient laterality m method n observation quantity ratio t"
_CODING_ROLES = frozenset({*_ROLES.split(), "unit", "value"})
_WITH_PLURALS = frozenset({"cancers", "metastatic_sites", "responses"})
_EXACT = frozenset({"hgnc"})
T = TypeVar("T")
_NOTHING: Mapping[str, tuple[Any, ...]] = MappingProxyType({})
_URI = re.compile(r"^(https?://|urn:)\S+$")


class _Row(NamedTuple):
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
    def wordings(self) -> list[str]:
        synonyms = [wording for wording in self.synonyms.split("|") if wording] if self.synonyms else []
        return [self.display, *synonyms] if self.display and self.role in _NAMING else synonyms


def load_tables(folder: Path, site: Path | None = None, *, fields: Iterable[str] = ()) -> Tables:
    """All ``*.csv`` of a folder, and those of the site's own folder, which win. ``fields``: those that are to be coded.

    A site's rows of a concept and role stand in the place of the shipped ones of that concept and role; its wordings
    are added to the concept's, and taken from any other's. Raises InvalidTerminology with every fault, each with its
    file and line: a table that a field needs or a column is missing, a role is unknown, a system is no absolute URI, a
    code has no system or none is given, a row stands twice, two rows contradict each other, a wording names two
    concepts, ``is-a`` leads nowhere.
    """
    fields = frozenset(fields)
    faults: list[str] = []
    digest = hashlib.sha256()
    rows: dict[str, list[_Row]] = defaultdict(list)
    paths = sorted(folder.glob("*.csv"))
    own_paths = sorted(site.glob("*.csv")) if site else []
    if missing := sorted(lacking(fields, (path.stem for path in (*paths, *own_paths)))):
        faults.append(f"{folder}: {', '.join(f'{name}.csv' for name in missing)} missing")
    elif not paths:
        faults.append(f"{folder}: no *.csv here")
    if site is not None and not own_paths:
        faults.append(f"{site}: no *.csv here")
    known = {path.stem for path in paths} | set(fields)
    faults += [
        f"{path}: a table of this name codes nothing: did you mean {near[0]}.csv?"
        for path in own_paths
        if path.stem not in known and (near := get_close_matches(path.stem, known, 1, cutoff=0.8))
    ]
    for path in (*paths, *own_paths):
        content = path.read_bytes()
        own = path.parent == site
        digest.update(_named(path, content, own=own))
        found = list(_rows(path, content, faults, own=own))
        faults += _contradictions(found)
        rows[path.stem] = _overlaid(rows[path.stem], found) if own else found
    tables = {name: _table(name, found, faults) for name, found in rows.items()}
    if faults:
        raise InvalidTerminology("\n".join(faults))
    return Tables(MappingProxyType(tables), digest.hexdigest())


def digest_of(folder: Path, site: Path | None = None) -> str:
    """The ``digest`` that tables of these folders have, as their files are now. Raises OSError."""
    digest = hashlib.sha256()
    for own, paths in ((False, folder.glob("*.csv")), (True, site.glob("*.csv") if site else ())):
        for path in sorted(paths):
            digest.update(_named(path, path.read_bytes(), own=own))
    return digest.hexdigest()


def _named(path: Path, content: bytes, *, own: bool) -> bytes:
    return f"{'site/' if own else ''}{path.name}\0{hashlib.sha256(content).hexdigest()}\n".encode()


def _rows(path: Path, content: bytes, faults: list[str], *, own: bool) -> Iterator[_Row]:
    label = str(path) if own else path.name
    before = len(faults)
    count = 0
    try:
        reader = csv.reader(content.decode("utf-8-sig").splitlines(), strict=True)
        header = next(reader, [])
        lacking = [column for column in COLUMNS if column not in header]
        if lacking:
            faults.append(f"{label}:1: column {', '.join(lacking)} missing")
            return
        order = [header.index(column) for column in COLUMNS]
        for cells in reader:
            if not cells:
                continue
            place = f"{label}:{reader.line_num}"
            if len(cells) != len(header):
                faults.append(f"{place}: not {len(header)} columns")
                continue
            row = _Row(place, own, *(cells[index] for index in order))
            fault = _fault(row)
            if fault:
                faults.append(f"{place}: {fault}")
            else:
                count += 1
                yield row
    except (UnicodeDecodeError, csv.Error) as error:
        faults.append(f"{label}: not UTF-8 CSV ({type(error).__name__})")
    if not count and len(faults) == before:
        faults.append(f"{label}: no rows")


def _fault(row: _Row) -> str | None:
    if not row.concept or not row.source:
        return "concept or source is empty"
    if row.role in _CODING_ROLES:
        if not row.code or not _URI.match(row.system):
            return f"role {row.role} needs a code and a system that is an absolute URI"
    elif row.role != "text" and row.role not in _WORD_ROLES:
        return f"unknown role {row.role}"
    elif row.system or (row.role != "text" and not row.code):
        return f"role {row.role} has no system, and {row.role} other than text has a code"
    return None


def _contradictions(rows: Iterable[_Row]) -> Iterator[str]:
    """What one file says twice, or says in two ways: a row, a concept's name, its code in a system."""
    seen: dict[tuple[str, ...], _Row] = {}
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


def _overlaid(shipped: Iterable[_Row], own: list[_Row]) -> list[_Row]:
    replaced = {(row.concept, row.role) for row in own if row.role != "text"}
    return own + [row for row in shipped if (row.concept, row.role) not in replaced]


def _table(name: str, rows: Iterable[_Row], faults: list[str]) -> Table:
    groups: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        groups[row.concept].append(row)
    entries = {slug: _entry(name, slug, found) for slug, found in groups.items()}
    plurals, exact = name in _WITH_PLURALS, name in _EXACT
    claims: dict[str, _Row] = {}
    for row in (row for found in groups.values() for row in found):
        for wording in row.wordings:
            key = wording.strip() if exact else fold(wording, plurals=plurals)
            other = claims.setdefault(key, row) if key else row
            if other is not row and other.concept != row.concept:
                if other.own == row.own:
                    faults.append(f"{row.place}: a wording of {row.concept} is one of {other.concept} too ({key})")
                elif row.own:
                    claims[key] = row
    for slug, entry in entries.items():
        faults += [
            f"{groups[slug][0].place}: {slug} is-a {ancestor}, which is not here"
            for ancestor in entry.words.get("is-a", ())
            if ancestor not in entries
        ]
    by_wording = {key: entries[row.concept] for key, row in claims.items()}
    return Table(name, MappingProxyType(entries), MappingProxyType(by_wording), plurals, exact)


def _entry(table: str, slug: str, rows: list[_Row]) -> Entry:
    codings: dict[str, list[Coding]] = defaultdict(list)
    own: dict[str, list[str]] = defaultdict(list)
    names = {row.role: row.display for row in reversed(rows) if row.role in _NAMING and row.display}
    wordings: list[str] = []
    for row in rows:
        wordings += row.wordings
        if row.role in _CODING_ROLES:
            codings[row.role].append(Coding(system=row.system, code=row.code, display=row.display or None))
        elif row.role in _WORD_ROLES:
            own[row.role].append(row.code)
    name = names.get("text") or names.get("gene") or ""
    synonyms = tuple(dict.fromkeys(wording for wording in wordings if wording != name))
    return Entry(table, slug, name, synonyms, _tuples(codings), _tuples(own), rows[0].place)


def _tuples(lists: Mapping[str, list[T]]) -> Mapping[str, tuple[T, ...]]:
    return MappingProxyType({key: tuple(found) for key, found in lists.items()}) if lists else _NOTHING
