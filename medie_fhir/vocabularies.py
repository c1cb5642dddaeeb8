"""The terminology tables as the lexical reader's vocabularies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from medie_fhir.coding import Table, Tables
from medie_fhir.lexicon import Vocabulary
from medie_fhir.lexicon.vocabulary import Wording

__all__ = ["vocabularies"]


def vocabularies(tables: Tables, names: Iterable[str]) -> dict[str, Vocabulary]:
    """The vocabularies of the named tables; of a table that isn't there, an empty one."""
    return {
        name: Vocabulary.of(_wordings(tables.tables[name]), exact=tables.tables[name].exact)
        if name in tables.tables
        else Vocabulary({}, frozenset())
        for name in names
    }


def _wordings(table: Table) -> Iterator[Wording]:
    for entry in table.entries.values():
        for text in (entry.name, *entry.synonyms):
            yield Wording(text, entry.slug, entry.kind)
