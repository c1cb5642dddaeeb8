"""The station: a value of a field, as a Concept. Total: any text gives one, at worst without a code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from medie_fhir.coding.biomarker import code_biomarker
from medie_fhir.coding.cancer import code_cancer
from medie_fhir.coding.listed import code_listed
from medie_fhir.coding.lookup import text_only
from medie_fhir.coding.response import code_response
from medie_fhir.coding.site import code_site
from medie_fhir.coding.stage import code_stage
from medie_fhir.coding.tables import Tables
from medie_fhir.coding.treatment import code_treatment
from medie_fhir.coding.variant import code_variant
from medie_fhir.model import Concept

__all__ = ["MAX_CHARACTERS", "code", "lacking"]

MAX_CHARACTERS: Final = 400
"""A longer value is a passage and not a term: it is text only, whatever it holds."""


class _Grammar(NamedTuple):
    """How a field of oncology is read, and the tables that it is read by."""

    read: Callable[[str, Tables], Concept]
    tables: tuple[str, ...]


_GRAMMARS: Final = {
    "biomarker": _Grammar(code_biomarker, ("biomarker_results", "biomarkers")),
    "cancer_type": _Grammar(code_cancer, ("cancers",)),
    "gene_mutation": _Grammar(code_variant, ("genes",)),
    "metastasis_site": _Grammar(code_site, ("metastatic_sites",)),
    "response": _Grammar(code_response, ("responses", "treatments")),
    "stage": _Grammar(code_stage, ("stages",)),
    "treatment": _Grammar(code_treatment, ("treatments",)),
}

_BY_EVIDENCE: Final = {"biomarker": code_biomarker, "stage": code_stage}
"""The grammars that read the evidence beside the value."""


def code(field: str, value: str, tables: Tables, *, evidence: str | None = None) -> Concept:
    """What ``value`` of ``field`` means, no more than it and its ``evidence`` (the passage that it was read from) say.

    A field of oncology is read by its grammar. One of another task is looked up in the table of the field's name; such
    a table goes before a grammar, for a ``stage`` or ``treatment`` of another task is not oncology's. Never raises for
    any text.
    """
    if len(value) > MAX_CHARACTERS:
        return text_only(value)
    if field in tables.tables:
        return code_listed(value, tables[field])
    if field not in _GRAMMARS or lacking((field,), tables.tables):
        return text_only(value)
    if field in _BY_EVIDENCE:
        return _BY_EVIDENCE[field](value, tables, evidence)
    return _GRAMMARS[field].read(value, tables)


def lacking(fields: Iterable[str], tables: Iterable[str]) -> frozenset[str]:
    """The tables that the grammars of ``fields`` need, and that are not among ``tables``.

    A field that has a table of its own name needs no other.
    """
    there = frozenset(tables)
    grammars = [_GRAMMARS[field] for field in fields if field in _GRAMMARS and field not in there]
    return frozenset(table for grammar in grammars for table in grammar.tables) - there
