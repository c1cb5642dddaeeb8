"""The pace in words, and of the writer that keeps it."""

from __future__ import annotations

import pytest

from consumers.health import Pace
from medie_fhir.adapters.fhir_pace import PacedFhir
from medie_fhir.adapters.fhir_twin import FhirTwin


@pytest.mark.parametrize(
    ("pace", "told"),
    [
        (Pace(most=16, limit=16, running=16, waiting=40, paused_s=0), None),
        (Pace(most=16, limit=1, running=1, waiting=0, paused_s=0), "1 of 16 transactions at once; 1 run, 0 wait"),
        (
            Pace(most=4, limit=4, running=0, waiting=7, paused_s=31.6),
            "paused for 32 s, as the server asked; 0 run, 7 wait",
        ),
        (
            Pace(most=4, limit=2, running=0, waiting=7, paused_s=9.0),
            "paused for 9 s, as the server asked; 2 of 4 transactions at once; 0 run, 7 wait",
        ),
    ],
)
def test_it_is_told_where_it_is_slower_than_allowed_and_not_else(pace: Pace, told: str | None) -> None:
    assert pace.told == told


def test_a_writer_that_has_just_begun_is_shown_as_it_is() -> None:
    with FhirTwin() as twin:
        paced = PacedFhir(twin, most=16, max_entries=500, max_bytes=10_000)
        assert Pace.of(paced, 16) == Pace(most=16, limit=4, running=0, waiting=0, paused_s=0.0)
