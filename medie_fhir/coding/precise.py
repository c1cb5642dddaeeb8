"""Which of several values say the same more precisely: a note's "lung cancer" is its "lung adenocarcinoma"."""

from __future__ import annotations

from collections.abc import Sequence

from medie_fhir.coding.tables import Entry, Tables
from medie_fhir.model import Concept

__all__ = ["more_precise"]

_SIDE = "laterality"
_MUTATED = {"presence": "present", "kind": "mutation"}
_CHANGES = frozenset({"hgvs_p", "hgvs_c", "legacy", "exon", "codon"})


def more_precise(concepts: Sequence[Concept], tables: Tables) -> tuple[frozenset[int], ...]:
    """For each concept of one field the places of those that are kinds of it, and say more.

    By the tables' ``is-a``, where a side that the one names is named by the other, too; and of a gene that is mutated,
    the changes that are told ("EGFR mutation", "EGFR L858R"). What no table knows is a kind of nothing.
    """
    entries = [_entry(concept, tables) for concept in concepts]
    pairs = list(zip(concepts, entries, strict=True))
    return tuple(
        frozenset(
            n for n, (other, kind) in enumerate(pairs) if _is_kind(kind, of, tables, other, one) or _tells(other, one)
        )
        for one, of in pairs
    )


def _entry(concept: Concept, tables: Tables) -> Entry | None:
    table, _, slug = (concept.row or "").partition(":")
    return tables[table].entries.get(slug) if table in tables.tables else None


def _is_kind(kind: Entry | None, of: Entry | None, tables: Tables, other: Concept, one: Concept) -> bool:
    if kind is None or of is None or kind.table != of.table or kind.slug == of.slug:
        return False
    sides = one.codings.get(_SIDE, ())
    return tables[of.table].is_a(kind, of) and sides in ((), other.codings.get(_SIDE, ()))


def _tells(other: Concept, one: Concept) -> bool:
    """Whether ``one`` says no more than that a gene is mutated, and ``other`` how."""
    if one.attributes != _MUTATED or not one.codings.get("gene"):
        return False
    same = other.codings.get("gene") == one.codings["gene"] and other.attributes.get("presence") == "present"
    return same and not _CHANGES.isdisjoint(other.attributes)
