"""A run's records → what is predicted for each note, for all readers and for each alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medie_fhir.confidence import Calibration, calibrated, combined, in_the_words_of
from medie_fhir.configuration import Configuration
from medie_fhir.drafting import Drafting
from medie_fhir.evaluation import GoldNote, Matcher, Verdicts, judge_note, load_vocabulary
from medie_fhir.model import CodedFact, ExtractionRecord, Fact
from medie_fhir.reading import LEXICON, MODEL
from medie_fhir.shipped import shipped
from medie_fhir.transaction import SourceDocuments

__all__ = ["Predicted"]


def _matcher_of(task: str) -> Matcher:
    """The matcher by the vocabulary of a task; by the words as they are where it has none. Raises SettingsError."""
    file: Path = shipped("schemas", "evaluation", f"{task}.yaml")
    return Matcher(load_vocabulary(file.read_text(encoding="utf-8") if file.is_file() else "", file.name))


@dataclass(frozen=True, slots=True)
class Predicted:
    """The facts of each note, with whether the mapping's policy lets them be written; a note that failed has none.

    ``grounded``: the same as reading gives them, before what means the same is joined: what confidences are given to.
    """

    notes: Sequence[GoldNote]
    grounded: Mapping[str, tuple[Fact, ...]]
    facts: Mapping[str, tuple[CodedFact, ...]]
    fields: tuple[str, ...]
    matcher: Matcher
    separators: Mapping[str, re.Pattern[str]]
    calibration: Calibration | None

    @classmethod
    def of(
        cls,
        notes: Sequence[GoldNote],
        records: Mapping[str, ExtractionRecord | None],
        configuration: Configuration,
        readers: Collection[str],
    ) -> Predicted:
        """What calibration, mapping and tables, as they are now, make of the records. Raises SettingsError."""
        task = configuration.task
        drafting = Drafting(configuration.mapping, configuration.tables, SourceDocuments())
        calibration = configuration.calibration if {LEXICON, MODEL} <= set(readers) else None
        grounded = {id_: calibrated(record.facts, calibration) if record else () for id_, record in records.items()}
        facts = {
            id_: drafting.coded(record.model_copy(update={"facts": grounded[id_]})) if record else ()
            for id_, record in records.items()
        }
        separators = {name: rule.separator for name, rule in task.fields.items()}
        return cls(notes, grounded, facts, tuple(task.fields), _matcher_of(task.name), separators, calibration)

    @property
    def readers(self) -> tuple[str, ...]:
        """The names of all that read a fact."""
        return tuple(sorted({name for facts in self.facts.values() for one in facts for name in one.fact.readers}))

    def written(self) -> list[Verdicts]:
        """The verdicts on what may be written: what counts."""
        return self._judged(lambda one: one.written)

    def written_of(self, reader: str) -> list[Verdicts]:
        """The same, of what one reader saw, alone or with others."""
        return self._judged(lambda one: one.written and reader in one.fact.readers)

    def read_by(self, reader: str) -> list[Verdicts]:
        """The verdicts on all that a reader saw, in its own words, whatever policy says of it."""
        return self._verdicts(
            lambda coded: in_the_words_of([one.fact for one in coded if reader in one.fact.readers], reader)
        )

    def read(self) -> list[Verdicts]:
        """The verdicts on what the readers together read, whatever policy says of it."""
        return self._verdicts(lambda coded: combined(coded, self.calibration))

    def seen(self) -> list[Verdicts]:
        """The verdicts on all that anyone saw, probable or not."""
        return self._judged(lambda _: True)

    def _judged(self, counts: Callable[[CodedFact], bool]) -> list[Verdicts]:
        return self._verdicts(lambda coded: [one.fact for one in coded if counts(one)])

    def _verdicts(self, predicted: Callable[[Sequence[CodedFact]], Sequence[Fact]]) -> list[Verdicts]:
        return [
            judge_note(note, predicted(self.facts[note.id]), self.fields, self.matcher, self.separators)
            for note in self.notes
        ]
