"""What a record becomes by a mapping: the Bundle, which of its resources a template made, and what was held back."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from medie_fhir.mapping import Element, Explained, Explanation, explain, leaves
from medie_fhir.model import ExtractionRecord, Json
from medie_fhir.pipeline import Pipeline
from medie_fhir.transaction import FACTS

__all__ = ["Made", "Rendering", "rendering"]


@dataclass(frozen=True, slots=True)
class Made:
    """A resource of the Bundle: its number there, from 1; ``explained`` where a template made it."""

    number: int
    resource: Json
    explained: Explained | None

    @property
    def reference(self) -> str:
        """Type and id."""
        return f"{self.resource['resourceType']}/{self.resource['id']}"

    @property
    def elements(self) -> tuple[Element, ...]:
        """Each leaf of the resource with where it came from; none for what no template made."""
        if self.explained is None:
            return ()
        known = {element.path: element for element in self.explained.elements}
        return tuple(
            known[path] if path in known else Element(path, value, None, "our stamp, by which others' edits are told")
            for path, value in leaves(self.resource)
        )


@dataclass(frozen=True, slots=True)
class Rendering:
    """The Bundle that a first publishing would post, or None where the record says nothing."""

    bundle: Json | None
    resources: tuple[Made, ...]
    explanation: Explanation

    def chosen(self, which: str) -> tuple[Made, ...]:
        """The resources of a number, an id, a reference or a type. Raises typer.BadParameter where there is none."""
        found = tuple(
            made
            for made in self.resources
            if which in (str(made.number), made.resource["id"], made.reference, made.resource["resourceType"])
        )
        if not found:
            known = ", ".join(f"{made.number} {made.reference}" for made in self.resources) or "none"
            raise typer.BadParameter(f"{which}: no such resource; there are: {known}", param_hint="--resource")
        return found


def rendering(pipeline: Pipeline, record: ExtractionRecord) -> Rendering:
    """What the pipeline's mapping makes of a record, or each task's of what it read. Raises RenderError."""
    bundle = pipeline.bundle(record)
    source = pipeline.options.documents.reference(record.document)
    explained = [
        explain(
            part.record,
            part.drafting.coded(part.record),
            part.drafting.mapping.file,
            source=source,
            recorded=part.record.produced.at,
            system=FACTS,
        )
        for part in pipeline.writing(record).parts
    ]
    explanation = Explanation(
        tuple(resource for each in explained for resource in each.resources),
        tuple(held for each in explained for held in each.held_back),
    )
    by_id = {e.resource["id"]: e for e in explanation.resources}
    entries = (bundle or {}).get("entry", [])
    made = (Made(n, e["resource"], by_id.get(e["resource"]["id"])) for n, e in enumerate(entries, start=1))
    return Rendering(bundle, tuple(made), explanation)
