"""A record's readings as one transaction, each by the mapping of its task. Pure."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from medie_fhir.blame import in_task
from medie_fhir.drafting import Drafting
from medie_fhir.model import CodedFact, DocumentInfo, ExtractionRecord, Json, Outcome
from medie_fhir.ports import TerminologyServer
from medie_fhir.transaction import Made, Reviewed, Standing, assemble, device, place, strangers

__all__ = ["Part", "Writing", "resources_of"]

_MOST_CAREFUL_FIRST: tuple[Reviewed, ...] = ("flag", "keep", "overwrite")


@dataclass(frozen=True, slots=True)
class Part:
    """What one task read, as a record of its own; what writes it; the facts that it comes to, once they are coded.

    ``terminology``: who is asked for what the tables don't know.
    """

    record: ExtractionRecord
    drafting: Drafting
    terminology: TerminologyServer | None = None
    facts: tuple[CodedFact, ...] = ()


@dataclass(frozen=True, slots=True)
class Writing:
    """All parts of one record, never none: what one of them takes no more, and no other, no longer holds.

    ``reviewed_by``: what the mappings of all tasks of the settings make of what a person has changed; one that has no
    part any more may have written what stands. ``made`` and ``says`` raise RenderError.
    """

    parts: tuple[Part, ...]
    reviewed_by: frozenset[Reviewed] = frozenset()

    @property
    def record(self) -> ExtractionRecord:
        """What the first of the tasks read: document, text and outcome of all."""
        return self.parts[0].record

    @property
    def facts(self) -> tuple[CodedFact, ...]:
        """The facts of all."""
        return tuple(fact for part in self.parts for fact in part.facts)

    @property
    def devices(self) -> list[Json]:
        """The Devices that the Provenances refer to; those of a retraction refer to none."""
        if self.record.outcome is Outcome.RETRACTED:
            return []
        return list({(made := device(part.record.produced))["id"]: made for part in self.parts}.values())

    @property
    def reviewed(self) -> Reviewed:
        """What becomes of what someone else has changed: the most careful word of all, for it may be any's."""
        said = self.reviewed_by | {part.drafting.mapping.file.reviewed for part in self.parts}
        return next(word for word in _MOST_CAREFUL_FIRST if word in said)

    def of(self, document: DocumentInfo) -> Writing:
        """The same of a document that is known better now."""
        if document is self.record.document:
            return self
        known = {"document": document}
        return replace(self, parts=tuple(replace(p, record=p.record.model_copy(update=known)) for p in self.parts))

    def says(self, standing: Standing) -> bool:
        """Whether there is anything to be said, so that the patient must be known."""
        for part in self.parts:
            with self.in_task_of(part):
                if part.drafting.says(part.record, part.facts, standing):
                    return True
        return False

    def made(self, standing: Standing, apart: Collection[str] = ()) -> tuple[Made, ...]:
        """What each part becomes; ``apart``: references to what is another patient's.

        Where two make the same resource, which the ids of facts rule out among tasks of one settings file, it is the
        first one's.
        """
        made, taken = list[Made](), set[str]()
        for part in self.parts:
            with self.in_task_of(part):
                its = part.drafting.made(part.record, part.facts, standing, apart)
            own = [resource for resource in its.resources if place(resource) not in taken]
            taken.update(map(place, own))
            made.append(replace(its, resources=own))
        return tuple(made)

    def apart(self, made: tuple[Made, ...], standing: Standing) -> frozenset[str]:
        """The references of what stays another patient's; nothing does where edits are written over."""
        if self.reviewed == "overwrite":
            return frozenset()
        return strangers(standing, self.record.document, resources_of(made))

    def in_task_of(self, part: Part) -> AbstractContextManager[None]:
        """Have errors name the part's task, where there are several."""
        return in_task(part.record.produced.task_name) if len(self.parts) > 1 else nullcontext()

    def bundle(self, made: tuple[Made, ...], standing: Standing) -> Json | None:
        """The transaction; None where there is nothing to say."""
        return assemble(made, standing, documents=self.parts[0].drafting.documents, reviewed=self.reviewed)


def resources_of(made: tuple[Made, ...]) -> list[Json]:
    """The resources of all parts."""
    return [resource for each in made for resource in each.resources]
