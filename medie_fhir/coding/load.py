"""The terminology tables' files: CSV that an integrator edits, checked when they are loaded, all faults at once.

The rows of one ``concept`` (a slug) are one meaning; a row of role ``text`` gives its name and wordings, and may be its
only row: a concept need not have a code. See :mod:`medie_fhir.coding.rows` for the columns.
A site's own rows stand in a folder of their own, in files of the same names, and win. See docs/terminology.md.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from medie_fhir.coding.coder import lacking
from medie_fhir.coding.rows import COLUMNS, Row, contradictions, read_rows
from medie_fhir.coding.tables import Entry, Table, Tables
from medie_fhir.coding.wording import fold
from medie_fhir.errors import InvalidTerminology
from medie_fhir.model import Coding

__all__ = ["COLUMNS", "digest_of", "load_tables"]

_WITH_PLURALS = frozenset({"cancers", "metastatic_sites", "responses"})
_EXACT = frozenset({"hgnc"})
T = TypeVar("T")
_NOTHING: Mapping[str, tuple[Any, ...]] = MappingProxyType({})


_TABULAR = frozenset({".csv", ".ods", ".tsv", ".xls", ".xlsx"})


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
    rows: dict[str, list[Row]] = defaultdict(list)
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
    faults += [f"{path}: not read: only *.csv is" for path in _unread(site)]
    for path in (*paths, *own_paths):
        content = path.read_bytes()
        own = path.parent == site
        digest.update(_named(path, content, own=own))
        found = list(read_rows(path, content, faults, own=own))
        faults += contradictions(found)
        faults += _nameless(found, rows[path.stem]) if own else ()
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


def _unread(site: Path | None) -> list[Path]:
    """The site's tables that have another form than CSV, or the ending in capitals."""
    files = sorted(site.iterdir()) if site else []
    return [path for path in files if path.suffix.lower() in _TABULAR and path.suffix != ".csv"]


def _nameless(own: Iterable[Row], shipped: Iterable[Row]) -> Iterator[str]:
    """The site's new concepts without a name that nothing reaches, or that are nearly one of the table's."""
    known = {row.concept for row in shipped}
    concepts: dict[str, list[Row]] = defaultdict(list)
    for row in own:
        if row.concept not in known:
            concepts[row.concept].append(row)
    for concept, rows in concepts.items():
        if any(row.names and row.display for row in rows):
            continue
        near = get_close_matches(concept, known, 1, cutoff=0.8)
        if near or not any(row.wordings for row in rows):
            meant = f": did you mean {near[0]}?" if near else ""
            yield f"{rows[0].place}: {concept} is a new concept without a text row that has its display{meant}"


def _overlaid(shipped: Iterable[Row], own: list[Row]) -> list[Row]:
    replaced = {(row.concept, row.role) for row in own if row.role != "text"}
    return own + [row for row in shipped if (row.concept, row.role) not in replaced]


def _table(name: str, rows: Iterable[Row], faults: list[str]) -> Table:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.concept].append(row)
    entries = {slug: _entry(name, slug, found) for slug, found in groups.items()}
    plurals, exact = name in _WITH_PLURALS, name in _EXACT
    claims: dict[str, Row] = {}
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


def _entry(table: str, slug: str, rows: list[Row]) -> Entry:
    codings: dict[str, list[Coding]] = defaultdict(list)
    own: dict[str, list[str]] = defaultdict(list)
    names = {row.role: row.display for row in reversed(rows) if row.names and row.display}
    wordings: list[str] = []
    for row in rows:
        wordings += row.wordings
        if row.codes:
            codings[row.role].append(Coding(system=row.system, code=row.code, display=row.display or None))
        elif row.role != "text":
            own[row.role].append(row.code)
    name = names.get("text") or names.get("gene") or ""
    synonyms = tuple(dict.fromkeys(wording for wording in wordings if wording != name))
    return Entry(table, slug, name, synonyms, _tuples(codings), _tuples(own), rows[0].place)


def _tuples(lists: Mapping[str, list[T]]) -> Mapping[str, tuple[T, ...]]:
    return MappingProxyType({key: tuple(found) for key, found in lists.items()}) if lists else _NOTHING
