"""Notes that are none, say it of nobody, or want to be obeyed: nothing is invented, and nothing falls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

NOTES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "notes.yaml").read_text(encoding="utf-8"))
Write = Callable[..., Awaitable[Mapping[str, set[str]]]]


def test_there_are_a_hundred() -> None:
    assert len({entry["name"] for entry in NOTES}) == len(NOTES) >= 100


@pytest.mark.parametrize("entry", NOTES, ids=[entry["name"] for entry in NOTES])
async def test_nothing_is_invented(entry: dict[str, Any], written: Write) -> None:
    may = {field: {value.casefold() for value in values} for field, values in entry.get("may", {}).items()}
    found = await written(entry["text"] * entry.get("times", 1), ("lexicon",))
    assert {
        field: values - may.get(field, set()) for field, values in found.items() if values - may.get(field, set())
    } == {}
