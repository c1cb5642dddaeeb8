"""Station: coded facts → FHIR resources, by an editable mapping."""

from medie_fhir.mapping.envelope import AI_CONFIDENCE, DERIVATION
from medie_fhir.mapping.explain import Explained, Explanation, explain
from medie_fhir.mapping.file import MappingFile
from medie_fhir.mapping.load import Mapping, load_mapping
from medie_fhir.mapping.policy import FieldPolicy, judge
from medie_fhir.mapping.render import effective, render, says_anything

__all__ = [
    "AI_CONFIDENCE",
    "DERIVATION",
    "Explained",
    "Explanation",
    "FieldPolicy",
    "Mapping",
    "MappingFile",
    "effective",
    "explain",
    "judge",
    "load_mapping",
    "render",
    "says_anything",
]
