"""Values → facts: where in the note each stands, what the note says of it, and of whom."""

from medie_fhir.grounding.agree import agreed
from medie_fhir.grounding.align import Aligned, AlignRules, align
from medie_fhir.grounding.context import assess
from medie_fhir.grounding.cues import Category, Cue, Cues, Direction, load_cues
from medie_fhir.grounding.ground import Synonyms, ground
from medie_fhir.grounding.groups import grouped, is_told

__all__ = [
    "AlignRules",
    "Aligned",
    "Category",
    "Cue",
    "Cues",
    "Direction",
    "Synonyms",
    "agreed",
    "align",
    "assess",
    "ground",
    "grouped",
    "is_told",
    "load_cues",
]
