"""What is printed is printed as it is."""

from __future__ import annotations

import pytest

from consumers.cli.options import err, out


@pytest.mark.parametrize("text", ["EGFR [red]", "ends [/b] here", ":+1: cells"])
def test_brackets_of_a_note_are_no_markup(text: str) -> None:
    for console in (out, err):
        with console.capture() as told:
            console.print(text)
        assert told.get() == f"{text}\n"
