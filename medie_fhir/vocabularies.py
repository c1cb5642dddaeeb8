"""The terminology tables as the lexical reader's vocabularies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from medie_fhir.coding import Table, Tables
from medie_fhir.lexicon import Vocabulary, Wording

__all__ = ["vocabularies"]


def vocabularies(tables: Tables, names: Iterable[str]) -> dict[str, Vocabulary]:
    """The vocabularies of the named tables; of a table that isn't there, an empty one."""
    return {
        name: Vocabulary.of(_wordings(tables.tables[name]), exact=tables.tables[name].exact)
        if name in tables.tables
        else Vocabulary({}, frozenset())
        for name in names
    }


_LONGEST_TURNED = 5  # words


def _wordings(table: Table) -> Iterator[Wording]:
    """A table's wordings, and then the same turned round: "Y X" stands for "X of Y" too, as in coding."""
    own = [Wording(text, e.slug, e.kind) for e in table.entries.values() for text in (e.name, *e.synonyms)]
    yield from own
    if table.exact:
        return
    for wording in own:
        words = wording.text.split()
        if len(words) <= _LONGEST_TURNED and "of" not in words:
            for at in range(1, len(words)):
                yield wording._replace(text=f"{' '.join(words[at:])} of {' '.join(words[:at])}")
