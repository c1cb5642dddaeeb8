"""All that is found out about a run: the figures, how sure they are, by reader and note type, against another run."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consumers.cli.evaluate.cost import Cost, cost
from consumers.cli.evaluate.predicted import Predicted
from consumers.cli.evaluate.run_file import Run, RunHeader
from medie_fhir.configuration import Configuration
from medie_fhir.evaluation import (
    Calibration,
    Difference,
    GoldNote,
    Interval,
    Scores,
    Verdicts,
    calibration,
    differences,
    intervals,
    score,
)
from medie_fhir.model import Fact

__all__ = ["Comparison", "Evaluation", "ReaderScores", "Reliability", "compare", "evaluation"]

_SEED = 7  # the same draws at every call: two calls on the same run say the same


@dataclass(frozen=True, slots=True)
class ReaderScores:
    """One reader's figures: of what may be written and it saw, and of all that it saw, in its own words."""

    written: Scores
    saw: Scores


@dataclass(frozen=True, slots=True)
class Reliability:
    """How the readers' own confidences hold, and the calibrated ones, of the same values."""

    own: Calibration
    calibrated: Calibration

    @classmethod
    def of(cls, verdicts: Sequence[Verdicts]) -> Reliability:
        """That of the values of these verdicts."""
        return cls(calibration(verdicts, Fact.own_confidence), calibration(verdicts))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One run's figures. ``verdicts``: on what may be written, by ``mapping`` and ``tables`` as they are now.

    ``read``: what the readers together read, before the policy. ``seen_reliability``: of all that
    anyone saw, probable or not.
    """

    header: RunHeader
    mapping: str
    tables: str
    notes: Sequence[GoldNote]
    predicted: Predicted
    verdicts: Sequence[Verdicts]
    scores: Scores
    intervals: Mapping[str, Interval]
    read: Scores
    written_reliability: Reliability
    seen_reliability: Reliability
    readers: Mapping[str, ReaderScores]
    note_types: Mapping[str, tuple[int, Scores]]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another run on the same notes, how far the first is above it, and in what the two differ."""

    other: Evaluation
    differs_in: Sequence[str]
    figures: Mapping[str, Difference]


def evaluation(run: Run, notes: Sequence[GoldNote], configuration: Configuration) -> Evaluation:
    """The figures of a run that holds these notes. Raises SettingsError."""
    lines = [run.lines[note.id] for note in notes]
    predicted = Predicted.of(notes, {line.id: line.record for line in lines}, configuration, run.header.readers)
    fields, verdicts = predicted.fields, predicted.written()
    return Evaluation(
        header=run.header,
        mapping=configuration.mapping.label,
        tables=configuration.tables.digest,
        notes=notes,
        predicted=predicted,
        verdicts=verdicts,
        scores=score(verdicts, fields),
        intervals=intervals(verdicts, fields, _chance()),
        read=score(predicted.read(), fields),
        written_reliability=Reliability.of(verdicts),
        seen_reliability=Reliability.of(predicted.seen()),
        readers={
            name: ReaderScores(score(predicted.written_of(name), fields), score(predicted.read_by(name), fields))
            for name in predicted.readers
        },
        note_types=_by_type(verdicts, fields),
        cost=cost(lines),
    )


def compare(run: Evaluation, other: Evaluation) -> Comparison:
    """How far a run's figures are above another's on the same notes."""
    figures = differences(run.verdicts, other.verdicts, run.predicted.fields, _chance())
    return Comparison(other, run.header.differs_in(other.header), figures)


def _chance() -> random.Random:
    return random.Random(_SEED)  # noqa: S311 - draws of notes, no secret


def _by_type(verdicts: Sequence[Verdicts], fields: Sequence[str]) -> dict[str, tuple[int, Scores]]:
    kinds: dict[str, list[Verdicts]] = {}
    for one in verdicts:
        kinds.setdefault(one.note.note_type, []).append(one)
    by_count = sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))
    return {kind: (len(held), score(held, fields)) for kind, held in by_count}
