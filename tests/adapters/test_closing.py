"""What holds connections closes them at the end of its ``async with``."""

from __future__ import annotations

import pytest

from medie_fhir.adapters.closing import Closing


class Held(Closing):
    closed: int = 0

    async def aclose(self) -> None:
        self.closed += 1


async def test_it_is_closed_once_at_the_end() -> None:
    made = Held()
    async with made as given:
        assert given is made
        assert made.closed < 1
    assert made.closed == 1


async def test_a_failure_closes_it_and_goes_on() -> None:
    made = Held()
    with pytest.raises(KeyError):
        async with made:
            raise KeyError
    assert made.closed == 1
