"""A field without a grammar of its own: its wording in the table of its name, and a number of what it measures."""

from __future__ import annotations

from dataclasses import replace

from medie_fhir.coding.lookup import Hit, as_concept, text_only, without
from medie_fhir.coding.quantity import Quantity, find_quantity
from medie_fhir.coding.tables import Entry, Table
from medie_fhir.coding.wording import plain, words
from medie_fhir.model import Concept

__all__ = ["code_listed"]

_FILLER = frozenset(words("a about an approximately around at estimated is measured of the was with"))


def code_listed(value: str, table: Table) -> Concept:
    """The Concept of a whole wording; or of a number with a unit of what a row measures, in the attribute ``quantity``.

    A row measures where its concept has rows of the role ``unit``: "LVEF of 45 %". A number without a name is of the
    one concept of the table that measures; where there are several, or the unit is another, it stays text.
    """
    if (found := table.find(value)) is not None:
        return as_concept(Hit(*found))
    text = plain(value)
    quantity = find_quantity(text)
    measured = None if quantity is None else _measured(f"{text[: quantity.start]} {text[quantity.end :]}", table)
    if quantity is None or measured is None or quantity.unit not in _units(measured):
        return text_only(value)
    concept = as_concept(Hit(measured, "rule"), attributes={"quantity": quantity.as_attribute()})
    return replace(concept, key=f"{concept.key}|{_key(quantity)}")


def _measured(name: str, table: Table) -> Entry | None:
    named, _ = without(name, _FILLER)
    if named:
        found = table.find(named)
        return found[0] if found else None
    measuring = [entry for entry in table.entries.values() if _units(entry)]
    return measuring[0] if len(measuring) == 1 else None


def _units(entry: Entry) -> frozenset[str]:
    return frozenset(unit.code for unit in entry.codings.get("unit", ()))


def _key(quantity: Quantity) -> str:
    return f"{quantity.comparator or ''}{quantity.value} {quantity.unit}"
