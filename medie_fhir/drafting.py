"""What a record becomes: from its coded facts to the one transaction, beside what stands. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from medie_fhir.asking import NO_ANSWERS, Answers, open_questions, with_answer
from medie_fhir.coding import Tables, code, more_precise
from medie_fhir.mapping import Mapping, judge, render, says_anything
from medie_fhir.model import CodedFact, Concept, ExtractionRecord, Fact, Json, Outcome
from medie_fhir.transaction import (
    FACTS,
    Change,
    Made,
    MadeBy,
    SourceDocuments,
    Standing,
    Work,
    changes,
    changes_nothing,
    count_in_error,
    identify,
    is_in_error,
    nothing_to_say,
    place,
)

__all__ = ["Draft", "Drafting", "Published"]

_Judged = tuple[Fact, Concept, str | None]
_SAID_AGAIN = ("gene_mutation",)  # a site that holds another is one of its own
_MORE_PRECISE = "another value says it more precisely"


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing a record came to.

    ``resources``: how many hold now because of it; ``retracted``: no longer do; ``kept``: stay as someone else has left
    them; ``changes``: what became of each. ``unchanged``: all of it stood so already, and nothing was sent.
    """

    outcome: Literal["written", "retracted", "stale", "empty", "unchanged"]
    resources: int = 0
    retracted: int = 0
    kept: int = 0
    changes: tuple[Change, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written: the resources that hold, the Bundle, and what stood when it was made."""

    resources: list[Json]
    standing: Standing
    bundle: Json

    def published(self, record: ExtractionRecord) -> Published:
        """What it came to, once it is written."""
        written = {place(entry["resource"]) for entry in self.bundle["entry"]}
        kept = {place(r) for r in self.standing.resources if not is_in_error(r)} - written
        new = [r for r in self.resources if place(r) in written]
        outcome: Literal["written", "retracted"] = "retracted" if record.outcome is Outcome.RETRACTED else "written"
        gone = count_in_error(self.bundle, self.standing)
        return Published(outcome, len(new), gone, len(kept), self.changes)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What becomes of each fact's resource."""
        return changes(self.bundle, self.resources, self.standing)

    @property
    def changes_nothing(self) -> bool:
        """Whether all of it stands so already."""
        return changes_nothing(self.bundle, self.changes, self.standing)


@dataclass(frozen=True, slots=True)
class Drafting:
    """One mapping with its tables, and how what is made refers to the note's document.

    ``whose``: the fields of which a fact's id names the task, and the task. ``made`` and ``says`` raise RenderError.
    """

    mapping: Mapping
    tables: Tables
    documents: SourceDocuments
    whose: dict[str, str] = field(default_factory=dict)

    @property
    def _made_by(self) -> MadeBy:
        return MadeBy(self.mapping.label, self.tables.digest)

    def coded(self, record: ExtractionRecord, answers: Answers = NO_ANSWERS) -> tuple[CodedFact, ...]:
        """The record's facts with their codes and ids, and whether the mapping's policy lets each be written.

        ``answers``: a terminology server's, for the values that the tables don't know.
        """
        policy = self.mapping.file.policy
        known = [(f, self._concept(f)) for f in record.facts if f.field in policy]
        coded = [(f, with_answer(f.field, f.value, concept, answers)) for f, concept in known]
        judged = [(f, concept, judge(f, concept, policy[f.field])) for f, concept in coded]
        return identify(record.document, self._each_once(judged), self.whose)

    def open_questions(self, facts: Sequence[CodedFact]) -> tuple[tuple[str, str], ...]:
        """The fields and values that no table knows, and that a code would let be written."""
        return open_questions(facts, self.mapping.file.policy)

    def field_of(self, record: ExtractionRecord) -> dict[str, str]:
        """The field of each of the record's facts, by the id of its resources; of those that are not mapped, too."""
        coded = [(f, self._concept(f), "") for f in record.facts]
        return {fact.id: fact.fact.field for fact in identify(record.document, coded, self.whose)}

    def _concept(self, fact: Fact) -> Concept:
        evidence = "; ".join(evidence.text for evidence in fact.evidence)
        return code(fact.field, fact.value, self.tables, evidence=evidence)

    def meanings(self, values: Sequence[str]) -> dict[str, str | None]:
        """The keys of the primary diagnoses that a note's values mean; None where it is not known.

        What another of them says more precisely means that one: "lung cancer" beside "lung adenocarcinoma". Beside two
        such it may be either.
        """
        primary = self.mapping.file.primary_field
        if primary is None:
            return {}
        concepts = [code(primary, value, self.tables) for value in values]
        keys = [None if concept.match == "none" else concept.key for concept in concepts]
        precise = more_precise(concepts, self.tables)
        ends = [{keys[other] for other in others if not precise[other]} for others in precise]
        return {
            value: key if not end else next(iter(end)) if len(end) == 1 else None
            for value, key, end in zip(values, keys, ends, strict=True)
        }

    def says(self, record: ExtractionRecord, facts: Sequence[CodedFact], standing: Standing) -> bool:
        """Whether there is anything to be said, so that the patient must be known."""
        source, recorded = self.documents.reference(record.document), record.produced.at
        return not nothing_to_say(record, standing) or says_anything(
            record, facts, self.mapping.file, source=source, recorded=recorded
        )

    def _each_once(self, judged: list[_Judged]) -> list[_Judged]:
        """A diagnosis, or a gene's change, that another written value says more precisely is not written beside it."""
        told: set[int] = set()
        for name in {self.mapping.file.primary_field, *_SAID_AGAIN}:
            here = [n for n, (f, _, reason) in enumerate(judged) if f.field == name and reason is None]
            precise = more_precise([judged[n][1] for n in here], self.tables)
            told |= {
                n
                for n, others in zip(here, precise, strict=True)
                if any(judged[here[other]][0].assertion == judged[n][0].assertion for other in others)
            }
        return [(f, concept, _MORE_PRECISE if n in told else why) for n, (f, concept, why) in enumerate(judged)]

    def rendered(
        self, record: ExtractionRecord, facts: Sequence[CodedFact], recorded: str, apart: Collection[str] = ()
    ) -> list[Json]:
        """The resources of the facts; ``apart``: references to what is another patient's."""
        source, file = self.documents.reference(record.document), self.mapping.file
        return render(record, facts, file, source=source, recorded=recorded, system=FACTS, apart=apart)

    def made(
        self, record: ExtractionRecord, facts: Sequence[CodedFact], standing: Standing, apart: Collection[str] = ()
    ) -> Made:
        """What the facts become, at the time when this work on the record was first done."""
        work = Work.of(record, self._made_by, standing)
        return Made(record, self.rendered(record, facts, work.recorded, apart), work, self._made_by)
