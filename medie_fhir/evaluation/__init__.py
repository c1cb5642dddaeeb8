"""Predictions against gold: verdicts on each value, figures over notes, whether a difference is real. Pure."""

from __future__ import annotations

from medie_fhir.evaluation.gold import Forbidden, GoldNote, read_gold
from medie_fhir.evaluation.matching import Matcher
from medie_fhir.evaluation.scores import FieldScore, Negatives, Rates, Scores, Tally, TrapScore, score
from medie_fhir.evaluation.verdicts import Judged, Miss, Verdict, Verdicts, judge_note
from medie_fhir.evaluation.vocabulary import Vocabulary, load_vocabulary

__all__ = [
    "FieldScore",
    "Forbidden",
    "GoldNote",
    "Judged",
    "Matcher",
    "Miss",
    "Negatives",
    "Rates",
    "Scores",
    "Tally",
    "TrapScore",
    "Verdict",
    "Verdicts",
    "Vocabulary",
    "judge_note",
    "load_vocabulary",
    "read_gold",
    "score",
]
