"""Station: coded facts → FHIR resources, by an editable mapping."""

from medie_fhir.mapping.case import Case, expecting, load_case
from medie_fhir.mapping.diff import ABSENT, Change, ElementChange, ResourceChange, apply, diff, elements, path_text
from medie_fhir.mapping.diff_summary import DiffSummary, Sample
from medie_fhir.mapping.envelope import DERIVATION
from medie_fhir.mapping.expect import Mismatch, mismatches, updated
from medie_fhir.mapping.explain import Element, Explained, Explanation, explain, leaves
from medie_fhir.mapping.file import MappingFile
from medie_fhir.mapping.load import Mapping, load_mapping
from medie_fhir.mapping.policy import FieldPolicy, judge
from medie_fhir.mapping.render import effective, render, says_anything

__all__ = [
    "ABSENT",
    "DERIVATION",
    "Case",
    "Change",
    "DiffSummary",
    "Element",
    "ElementChange",
    "Explained",
    "Explanation",
    "FieldPolicy",
    "Mapping",
    "MappingFile",
    "Mismatch",
    "ResourceChange",
    "Sample",
    "apply",
    "diff",
    "effective",
    "elements",
    "expecting",
    "explain",
    "judge",
    "leaves",
    "load_case",
    "load_mapping",
    "mismatches",
    "path_text",
    "render",
    "says_anything",
    "updated",
]
