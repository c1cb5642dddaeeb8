"""The station: a value of a field, as a Concept. Total: any text gives one, at worst without a code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from medie_fhir.coding.biomarker import code_biomarker
from medie_fhir.coding.cancer import code_cancer
from medie_fhir.coding.lookup import Hit, as_concept, text_only
from medie_fhir.coding.response import code_response
from medie_fhir.coding.site import code_site
from medie_fhir.coding.stage import code_stage
from medie_fhir.coding.tables import Tables
from medie_fhir.coding.treatment import code_treatment
from medie_fhir.coding.variant import code_variant
from medie_fhir.model import Concept

__all__ = ["MAX_CHARACTERS", "code"]

MAX_CHARACTERS: Final = 400
"""A longer value is a passage and not a term: it is text only, whatever it holds."""

_CODERS: Final[dict[str, Callable[[str, Tables], Concept]]] = {
    "biomarker": code_biomarker,
    "cancer_type": code_cancer,
    "gene_mutation": code_variant,
    "metastasis_site": code_site,
    "response": code_response,
    "treatment": code_treatment,
}


def code(field: str, value: str, tables: Tables, *, evidence: str | None = None) -> Concept:
    """What ``value`` of ``field`` means. ``evidence`` is the passage of the note that it was read from.

    A field of another task than oncology is looked up by its wording alone, in the table of the field's name where
    there is one. Never raises for any text.
    """
    if len(value) > MAX_CHARACTERS:
        return text_only(value)
    if field == "stage":
        return code_stage(value, tables, evidence)
    if field in _CODERS:
        return _CODERS[field](value, tables)
    found = tables.tables[field].find(value) if field in tables.tables else None
    return as_concept(Hit(*found)) if found else text_only(value)
