"""A calibration fitted to a run: what the readers' confidences were worth in these notes, as the file that says so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from consumers.cli.evaluate.evaluation import Evaluation, Reliability
from consumers.cli.evaluate.predicted import Predicted
from medie_fhir.confidence import MONOTONE, Calibration, Weights, calibrated, features
from medie_fhir.evaluation import Example, Verdict, fit, judge_note
from medie_fhir.reading import LEXICON, MODEL

__all__ = ["Fitted", "fitted", "write_fitted"]

_FOLDS: Final = 5
_LEAST_NOTES: Final = 10
_LEAST: Final = 0.7
_STRENGTH: Final = 0.3
_OF_CONSTANT: Final = 0.1  # how many are right is the data's to say, sooner than what tells them apart
_HEAD: Final = """\
# How probable it is that what the readers saw is right. See docs/confidence.md; made by
#   medie-fhir evaluate GOLD --run RUN --fit-confidence FILE
# Fitted to {notes} notes with {values} values, {right} of them right.
# Expected calibration error, in {folds} folds by note: {before} before, {after} after.
"""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibration, the examples that it was fitted to, and how well it does on notes that it did not see."""

    calibration: Calibration
    notes: int
    values: int
    right: int
    unseen: Reliability


def fitted(made: Evaluation) -> Fitted:
    """The calibration that the notes of a run give, cross-validated by note. Raises typer.BadParameter."""
    if not {LEXICON, MODEL} <= set(made.header.readers):
        raise typer.BadParameter("the run must be of both readers", param_hint="--fit-confidence")
    if len(made.notes) < _LEAST_NOTES:
        told = f"{len(made.notes)} notes are too few to fit to; {_LEAST_NOTES} at least, some hundred better"
        raise typer.BadParameter(told, param_hint="--fit-confidence")
    predicted = made.predicted
    examples = _examples(predicted)
    of = {note.id: place % _FOLDS for place, note in enumerate(predicted.notes)}
    folds = [_calibration(examples, predicted.fields, {i for i in of if of[i] != fold}) for fold in range(_FOLDS)]
    unseen = [
        judge_note(
            note,
            calibrated(predicted.grounded[note.id], folds[of[note.id]]),
            predicted.fields,
            predicted.matcher,
        )
        for note in predicted.notes
    ]
    all_of_them = [one for by_field in examples.values() for found in by_field.values() for one in found]
    return Fitted(
        calibration=_calibration(examples, predicted.fields, of),
        notes=len(of),
        values=len(all_of_them),
        right=sum(is_right for _, is_right in all_of_them),
        unseen=Reliability.of(unseen),
    )


def write_fitted(file: Path, found: Fitted) -> None:
    """Write the file. It holds weights alone, nothing of the notes."""
    errors = [f"{error:.3f}" for error in (found.unseen.own.error, found.unseen.calibrated.error) if error is not None]
    before, after = errors if len(errors) == 2 else ("unknown", "unknown")  # noqa: PLR2004 - before and after
    head = _HEAD.format(
        notes=found.notes, values=found.values, right=found.right, folds=_FOLDS, before=before, after=after
    )
    try:
        file.write_text(head + "\n".join(_lines(found.calibration)) + "\n", encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="--fit-confidence") from None


def _lines(calibration: Calibration) -> Iterator[str]:
    yield f"version: {calibration.version}"
    yield f"least: {calibration.least:g} # the least probability of what counts as read by both together"
    yield "fields:"
    for name, weights in calibration.fields.items():
        yield f"  {name}:"
        yield from (f"    {feature}: {weight:g}" for feature, weight in weights)


def _examples(predicted: Predicted) -> Mapping[str, Mapping[str, Sequence[Example]]]:
    """By note and field, the features of each value that is not optional, and whether it is right."""
    found: dict[str, dict[str, list[Example]]] = {}
    for note in predicted.notes:
        facts = predicted.grounded[note.id]
        seen = {id(fact): looked for fact, looked in zip(facts, features(facts), strict=True)}
        for one in judge_note(note, facts, predicted.fields, predicted.matcher).judged:
            if one.verdict is not Verdict.IGNORED:
                example = seen[id(one.fact)], one.verdict is Verdict.RIGHT
                found.setdefault(note.id, {}).setdefault(one.fact.field, []).append(example)
    return found


def _calibration(
    examples: Mapping[str, Mapping[str, Sequence[Example]]], fields: Sequence[str], notes: Collection[str]
) -> Calibration:
    """The weights of all fields together, and from these, as far as a field's values say so, each field's own."""
    names = tuple(Weights.model_fields)
    strength = {name: _STRENGTH * (_OF_CONSTANT if name == "constant" else 1) for name in names}
    by_field = {
        field: [one for note in examples if note in notes for one in examples[note].get(field, ())] for field in fields
    }
    every = [one for found in by_field.values() for one in found]
    common = fit(every, dict.fromkeys(names, 0.0), strength=strength, rising=MONOTONE)
    weights = {
        field: Weights.model_validate(
            {name: round(w, 3) for name, w in fit(found, common, strength=strength, rising=MONOTONE).items()}
        )
        for field, found in by_field.items()
    }
    return Calibration(version=1, least=_LEAST, fields=weights)
