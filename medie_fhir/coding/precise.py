"""Which of several values say the same more precisely: a note's "lung cancer" is its "lung adenocarcinoma"."""

from __future__ import annotations

from collections.abc import Sequence

from medie_fhir.coding.tables import Entry, Tables
from medie_fhir.model import Concept

__all__ = ["more_precise"]

_SIDE = "laterality"


def more_precise(concepts: Sequence[Concept], tables: Tables) -> tuple[frozenset[int], ...]:
    """For each concept the places of those that are kinds of it, by the tables' ``is-a``, and say more.

    A side that a concept names must be named by the other, too. What no table knows is a kind of nothing.
    """
    entries = [_entry(concept, tables) for concept in concepts]
    return tuple(
        frozenset(
            other
            for other, specific in enumerate(entries)
            if entry is not None
            and specific is not None
            and specific.slug != entry.slug
            and specific.table == entry.table
            and tables[entry.table].is_a(specific, entry)
            and concepts[here].codings.get(_SIDE, ()) in ((), concepts[other].codings.get(_SIDE, ()))
        )
        for here, entry in enumerate(entries)
    )


def _entry(concept: Concept, tables: Tables) -> Entry | None:
    table, _, slug = (concept.row or "").partition(":")
    return tables[table].entries.get(slug) if table in tables.tables else None
