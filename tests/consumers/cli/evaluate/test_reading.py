"""Which readers a run has, and how its notes are read."""

from __future__ import annotations

from typing import Any

import pytest

from consumers.cli.evaluate.reading import Chosen, _Reading, with_readers
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.errors import ModelUnavailable
from medie_fhir.evaluation import GoldNote
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelAnswer, ModelRequest
from medie_fhir.settings import Settings
from medie_fhir.wiring import assemble_pipeline


@pytest.mark.parametrize(
    ("chosen", "readers"),
    [(Chosen.BOTH, {"lexicon", "model"}), (Chosen.MODEL, {"model"}), (Chosen.LEXICON, {"lexicon"})],
)
def test_readers_are_chosen_for_a_run(chosen: Chosen, readers: set[str]) -> None:
    assert set(with_readers(Settings(), chosen).readers) == readers


def test_without_a_choice_the_settings_hold() -> None:
    settings = Settings(readers=("lexicon",))
    assert with_readers(settings, None) is settings


NOTES = [GoldNote(id=f"n{number}", text=f"Lung adenocarcinoma, note {number}.") for number in range(5)]


class Unreachable:
    """Answers so many requests, and then is not there any more."""

    def __init__(self, model: Any, answers: int) -> None:
        self._model, self._left = model, answers

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self._left -= 1
        if self._left < 0:
            raise ModelUnavailable("no answer")
        answer: ModelAnswer = await self._model.complete(request)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


@pytest.mark.parametrize("workers", [1, 3, 8])
async def test_every_note_is_read_once_whoever_reads_it(pipeline: Pipeline, model: Any, workers: int) -> None:
    reading = _Reading(pipeline, NOTES, None, total=len(NOTES))
    await reading.all(workers)
    assert reading.lines.keys() == {note.id for note in NOTES}
    assert all(line.record for line in reading.lines.values())
    assert model.asked == len(NOTES)


async def test_a_model_that_goes_away_ends_the_run_with_its_own_error(
    configuration: Configuration, model: Any, twin: FhirTwin
) -> None:
    gone = Unreachable(model, answers=2)
    pipeline = assemble_pipeline(Settings(), configuration, model=gone, source=twin, target=twin)
    reading = _Reading(pipeline, NOTES, None, total=len(NOTES))
    with pytest.raises(ModelUnavailable):
        await reading.all(1)
    assert reading.lines.keys() == {"n0", "n1"}
