"""The terminology tables: CSV files that an integrator edits, checked when they are loaded.

Columns ``concept,role,system,code,display,synonyms,source``. The rows of one ``concept`` (a slug) are one meaning. A
row of role ``text`` gives its name and wordings, and may be its only row: a concept need not have a code. ``kind`` and
``is-a`` are words of ours, without a system; every other role is a coding. Wordings are parted by ``|``.
See docs/terminology.md.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from medie_fhir.coding.wording import fold, plain, words
from medie_fhir.errors import InvalidTerminology
from medie_fhir.model import Coding

__all__ = ["COLUMNS", "REQUIRED", "Entry", "Table", "Tables", "load_tables"]

COLUMNS = ("concept", "role", "system", "code", "display", "synonyms", "source")
REQUIRED = (
    "biomarker_results",
    "biomarkers",
    "cancers",
    "genes",
    "metastatic_sites",
    "responses",
    "stages",
    "treatments",
)
_WORD_ROLES = frozenset({"kind", "is-a"})
_CODING_ROLES = frozenset(
    [
        "body_site",
        "broader",
        "category",
        "code",
        "fish",
        "gene",
        "ihc",
        "ingredient",
        "laterality",
        "m",
        "method",
        "n",
        "observation",
        "quantity",
        "ratio",
        "t",
        "unit",
        "value",
    ]
)
_WITH_PLURALS = frozenset({"cancers", "metastatic_sites", "responses"})
_URI = re.compile(r"^(https?://|urn:)\S+$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One concept of a table: its name, its other wordings, codings and words by role, the line of its first row."""

    table: str
    slug: str
    name: str
    synonyms: tuple[str, ...] = ()
    codings: Mapping[str, tuple[Coding, ...]] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    line: int = 0

    @property
    def kind(self) -> str | None:
        """The one word of the role ``kind``."""
        return next(iter(self.words.get("kind", ())), None)

    @property
    def row(self) -> str:
        """The name of this entry in :attr:`Concept.row`."""
        return f"{self.table}:{self.slug}"


@dataclass(frozen=True, slots=True)
class Table:
    """The entries of one file, by slug and by every folded wording; ``pattern`` finds a wording within a text."""

    name: str
    entries: Mapping[str, Entry]
    by_wording: Mapping[str, Entry]
    pattern: re.Pattern[str]
    plurals: bool

    def find(self, text: str) -> tuple[Entry, Literal["exact", "normalised", "synonym"]] | None:
        """The entry that a text names as a whole, and whether by its name (in these letters) or by a synonym."""
        folded = fold(text, plurals=self.plurals)
        entry = self.by_wording.get(folded)
        if entry is None:
            return None
        if text.strip().casefold() == entry.name.casefold():
            return entry, "exact"
        return entry, "normalised" if folded == fold(entry.name, plurals=self.plurals) else "synonym"

    def is_a(self, entry: Entry, ancestor: Entry) -> bool:
        """Whether an entry is a kind of another, by the roles ``is-a``; each is one of itself."""
        seen: set[str] = set()
        slug: str | None = entry.slug
        while slug is not None and slug not in seen:
            if slug == ancestor.slug:
                return True
            seen.add(slug)
            slug = next(iter(self.entries[slug].words.get("is-a", ())), None)
        return False


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables by name, and the SHA-256 digest of all their files."""

    tables: Mapping[str, Table]
    digest: str

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]


def load_tables(folder: Path) -> Tables:
    """All ``*.csv`` of a folder.

    Raises InvalidTerminology, naming file and line: a required table or column is missing, a role is unknown, a system
    is no absolute URI, a code has no system or none is given, a wording names two concepts, ``is-a`` leads nowhere.
    """
    paths = sorted(folder.glob("*.csv"))
    missing = sorted(set(REQUIRED) - {path.stem for path in paths})
    if missing:
        raise InvalidTerminology(f"{folder}: {', '.join(f'{name}.csv' for name in missing)} missing")
    digest = hashlib.sha256()
    tables: dict[str, Table] = {}
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
        tables[path.stem] = _table(path, content)
    return Tables(MappingProxyType(tables), digest.hexdigest())


def _table(path: Path, content: bytes) -> Table:
    groups: dict[str, list[tuple[int, dict[str, str]]]] = defaultdict(list)
    for line, row in _rows(path, content):
        groups[row["concept"]].append((line, row))
    if not groups:
        raise InvalidTerminology(f"{path.name}: no rows")
    plurals = path.stem in _WITH_PLURALS
    entries = {slug: _entry(path.stem, slug, rows) for slug, rows in groups.items()}
    by_wording: dict[str, Entry] = {}
    for entry in entries.values():
        for wording in (entry.name, *entry.synonyms) if entry.name else ():
            key = fold(wording, plurals=plurals)
            other = by_wording.setdefault(key, entry) if key else entry
            if other is not entry:
                where = f"{path.name}:{entry.line}"
                raise InvalidTerminology(f"{where}: a wording of {entry.slug} is one of {other.slug} too ({key})")
        for ancestor in entry.words.get("is-a", ()):
            if ancestor not in entries:
                raise InvalidTerminology(f"{path.name}:{entry.line}: {entry.slug} is-a {ancestor}, which is not here")
    return Table(
        path.stem, MappingProxyType(entries), MappingProxyType(by_wording), _pattern(by_wording, entries), plurals
    )


def _rows(path: Path, content: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        reader = csv.DictReader(content.decode("utf-8-sig").splitlines(), strict=True)
        lacking = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if lacking:
            raise InvalidTerminology(f"{path.name}:1: column {', '.join(lacking)} missing")
        for row in reader:
            _check(f"{path.name}:{reader.line_num}", row)
            yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidTerminology(f"{path.name}: not UTF-8 CSV ({type(error).__name__})") from error


def _check(where: str, row: Mapping[str, str | None]) -> None:
    if any(row[column] is None for column in COLUMNS) or None in row:
        raise InvalidTerminology(f"{where}: not {len(COLUMNS)} columns")
    role = row["role"]
    if not row["concept"] or not row["source"]:
        raise InvalidTerminology(f"{where}: concept or source is empty")
    if role in _CODING_ROLES:
        if not row["code"] or not _URI.match(row["system"] or ""):
            raise InvalidTerminology(f"{where}: role {role} needs a code and a system that is an absolute URI")
    elif role == "text" or role in _WORD_ROLES:
        if row["system"] or (role != "text" and not row["code"]):
            raise InvalidTerminology(f"{where}: role {role} has no system, and {role} other than text has a code")
    else:
        raise InvalidTerminology(f"{where}: unknown role {role}")


def _entry(table: str, slug: str, rows: list[tuple[int, dict[str, str]]]) -> Entry:
    codings: dict[str, list[Coding]] = defaultdict(list)
    own: dict[str, list[str]] = defaultdict(list)
    synonyms: list[str] = []
    name = next((row["display"] for _, row in rows if row["role"] == "text"), None)
    if name is None:
        name = next((row["display"] for _, row in rows if row["role"] == "gene"), "")
    for _, row in rows:
        synonyms += [wording for wording in row["synonyms"].split("|") if wording]
        if row["role"] in _CODING_ROLES:
            codings[row["role"]].append(Coding(system=row["system"], code=row["code"], display=row["display"] or None))
        elif row["role"] in _WORD_ROLES:
            own[row["role"]].append(row["code"])
    return Entry(
        table,
        slug,
        name,
        tuple(synonyms),
        MappingProxyType({role: tuple(found) for role, found in codings.items()}),
        MappingProxyType({role: tuple(found) for role, found in own.items()}),
        rows[0][0],
    )


def _pattern(by_wording: Mapping[str, Entry], entries: Mapping[str, Entry]) -> re.Pattern[str]:
    """One pattern of all wordings, the longest first, that allows any space or hyphen between their words."""
    wordings = {plain(w) for entry in entries.values() for w in (entry.name, *entry.synonyms) if fold(w) in by_wording}
    parts = ([re.escape(word) for word in words(wording)] for wording in sorted(wordings, key=lambda w: (-len(w), w)))
    return re.compile(r"(?<![a-z0-9])(?:" + "|".join(r"[\s/.-]*".join(part) for part in parts) + r")(?![a-z0-9])")
