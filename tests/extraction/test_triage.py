"""What shows a malignancy is shown to the model, and what doesn't is not."""

from __future__ import annotations

import pytest

from medie_fhir.extraction.task import Task
from medie_fhir.extraction.triage import in_sight


@pytest.mark.parametrize(
    "text",
    [
        "Invasive ductal carcinoma of the left breast.",
        "ADENOCARCINOMA, moderately differentiated",
        "CT shows multiple liver mets.",
        "Known CLL, on watch and wait.",
        "acute lymphoblastic leukaemia",
        "Started osimertinib 80 mg daily.",
        "pT2 N0 M0",
        "T2,N1,M0",
        "FIGO stage IIB",
        "BRCA2 pathogenic variant",
        "ER+ PR+ HER2-negative",
        "Received six cycles of FOLFOX.",
        "tumour board",
        "Microsatellite instability high",
        "No evidence of disease.",
    ],
)
def test_signs_of_a_malignancy_are_in_sight(text: str, task: Task) -> None:
    assert in_sight(text, task)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Right knee osteoarthritis; total knee arthroplasty without complication.",
        "Alk phos 77, ALT 20, magnesium normal.",
        "Chest pain, troponin negative. Started metoprolol and aspirin.",
        "Stage fright; metatarsal fracture; method explained.",
        "Retinal exam normal. He will return in 3 months.",
        "Community-acquired pneumonia treated with ceftriaxone.",
        "Patient scheduled for an emetic trial.",
    ],
)
def test_a_text_without_any_is_not(text: str, task: Task) -> None:
    assert not in_sight(text, task)


def test_a_stem_counts_at_the_beginning_of_a_word_only(task: Task) -> None:
    assert in_sight("cancerous", task)
    assert not in_sight("precancel", task)
