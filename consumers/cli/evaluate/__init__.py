"""``medie-fhir evaluate``: what is read in notes, against what a person read in them."""

from __future__ import annotations

from consumers.cli.evaluate.command import evaluate

__all__ = ["evaluate"]
