"""Predictions against gold: verdicts on each value, figures over notes, whether a difference is real. Pure."""

from __future__ import annotations

from medie_fhir.evaluation.bootstrap import Chance, Difference, Interval, differences, intervals
from medie_fhir.evaluation.calibration import Bin, Calibration, calibration
from medie_fhir.evaluation.gate import Bound, Gate, Shortfall, load_gate
from medie_fhir.evaluation.gold import Forbidden, GoldNote, read_gold
from medie_fhir.evaluation.logistic import Example, fit
from medie_fhir.evaluation.matching import Matcher
from medie_fhir.evaluation.reliability import Plot
from medie_fhir.evaluation.report import Grid, ReportNote, html_report
from medie_fhir.evaluation.scores import FieldScore, Negatives, Rates, Scores, Tally, TrapScore, score
from medie_fhir.evaluation.verdicts import Judged, Miss, Verdict, Verdicts, judge_note
from medie_fhir.evaluation.vocabulary import Vocabulary, load_vocabulary

__all__ = [
    "Bin",
    "Bound",
    "Calibration",
    "Chance",
    "Difference",
    "Example",
    "FieldScore",
    "Forbidden",
    "Gate",
    "GoldNote",
    "Grid",
    "Interval",
    "Judged",
    "Matcher",
    "Miss",
    "Negatives",
    "Plot",
    "Rates",
    "ReportNote",
    "Scores",
    "Shortfall",
    "Tally",
    "TrapScore",
    "Verdict",
    "Verdicts",
    "Vocabulary",
    "calibration",
    "differences",
    "fit",
    "html_report",
    "intervals",
    "judge_note",
    "load_gate",
    "load_vocabulary",
    "read_gold",
    "score",
]
