"""Coding: a grounded value becomes a Concept, by tables and grammars, never by likeness."""

from medie_fhir.coding.coder import MAX_CHARACTERS, code
from medie_fhir.coding.load import digest_of, load_tables
from medie_fhir.coding.precise import more_precise
from medie_fhir.coding.tables import Table, Tables

__all__ = ["MAX_CHARACTERS", "Table", "Tables", "code", "digest_of", "load_tables", "more_precise"]
