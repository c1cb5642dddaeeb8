"""Triage: whether a text shows any sign of what the task asks for, so that the model is asked at all."""

from __future__ import annotations

from medie_fhir.extraction.task import Task

__all__ = ["in_sight"]


def in_sight(text: str, task: Task) -> bool:
    """Whether one of the task's stems begins a word of the text.

    A text without any is not shown to the model: trained on oncology notes, say, it would invent a cancer.
    """
    return task.sign.search(text) is not None
