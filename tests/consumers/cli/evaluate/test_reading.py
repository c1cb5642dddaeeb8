"""Which readers a run has."""

from __future__ import annotations

import pytest

from consumers.cli.evaluate.reading import Chosen, with_readers
from medie_fhir.settings import Settings


@pytest.mark.parametrize(
    ("chosen", "readers"),
    [(Chosen.BOTH, {"lexicon", "model"}), (Chosen.MODEL, {"model"}), (Chosen.LEXICON, {"lexicon"})],
)
def test_readers_are_chosen_for_a_run(chosen: Chosen, readers: set[str]) -> None:
    assert set(with_readers(Settings(), chosen).readers) == readers


def test_without_a_choice_the_settings_hold() -> None:
    settings = Settings(readers=("lexicon",))
    assert with_readers(settings, None) is settings
