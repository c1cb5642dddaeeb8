"""Coding: a grounded value becomes a Concept, by tables and grammars, never by likeness."""

from medie_fhir.coding.coder import MAX_CHARACTERS, code
from medie_fhir.coding.load import digest_of, load_tables
from medie_fhir.coding.tables import Tables

__all__ = ["MAX_CHARACTERS", "Tables", "code", "digest_of", "load_tables"]
