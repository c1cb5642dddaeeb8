"""Station: coded facts → FHIR resources, by an editable mapping."""

from medie_fhir.mapping.diff import ABSENT, Change, ElementChange, ResourceChange, apply, diff, elements, path_text
from medie_fhir.mapping.diff_summary import DiffSummary, Sample
from medie_fhir.mapping.envelope import DERIVATION
from medie_fhir.mapping.explain import Element, Explained, Explanation, explain, leaves
from medie_fhir.mapping.file import MappingFile
from medie_fhir.mapping.load import Mapping, load_mapping
from medie_fhir.mapping.policy import FieldPolicy, judge
from medie_fhir.mapping.render import effective, render

__all__ = [
    "ABSENT",
    "DERIVATION",
    "Change",
    "DiffSummary",
    "Element",
    "ElementChange",
    "Explained",
    "Explanation",
    "FieldPolicy",
    "Mapping",
    "MappingFile",
    "ResourceChange",
    "Sample",
    "apply",
    "diff",
    "effective",
    "elements",
    "explain",
    "judge",
    "leaves",
    "load_mapping",
    "path_text",
    "render",
]
