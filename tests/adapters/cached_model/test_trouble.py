"""Whatever befalls the cache, the note is read."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medie_fhir.adapters import cached_model
from medie_fhir.ports import ModelAnswer, ModelRequest, Token

Make = Callable[..., Any]


SECRET = "Mrs Miller has a melanoma"


REQUEST = ModelRequest([{"role": "user", "content": SECRET}], {"type": "object"}, 99)


ANSWER = ModelAnswer('{"cancer_type": "Ω melanoma"}', "stop", (Token("{", -0.5), Token("Ω", -1e-9)), 7, 3)


def about(n: int) -> ModelRequest:
    return replace(REQUEST, messages=[{"role": "user", "content": f"{SECRET} {n}"}])


async def test_a_damaged_answer_is_asked_for_again_and_replaced(tmp_path: Path, counting: Make, caching: Make) -> None:
    server = counting()
    async with caching(server, tmp_path) as model:
        await model.complete(REQUEST)
        with closing(sqlite3.connect(tmp_path / "answers.sqlite")) as file, file:
            file.execute("UPDATE answers SET value = x'00'")
        assert not (await model.complete(REQUEST)).cached
        assert (await model.complete(REQUEST)).cached
    assert (server.asked, model.failures) == (2, 1)


async def test_a_file_that_is_none_of_ours_costs_a_line_and_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, counting: Make, caching: Make
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "answers.sqlite"
    path.write_bytes(b"not a database, and longer than a header of one is" * 100)
    server = counting()
    async with caching(server, tmp_path) as model:
        for n in range(5):
            assert await model.complete(about(n)) == ANSWER
        (line,) = [record.getMessage() for record in caplog.records]
        assert str(path) in line
        assert "DatabaseError" in line
        assert SECRET not in caplog.text
        assert model.failures == 2, "a failed cache rests"
        path.unlink()
        model._rests_until.clear()
        await model.complete(REQUEST)
        assert (await model.complete(REQUEST)).cached


async def test_a_folder_that_cannot_be_made_costs_a_line_and_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, counting: Make, caching: Make
) -> None:
    (tmp_path / "file").write_text("in the way")
    async with caching(counting(), tmp_path / "file" / "answers") as model:
        assert await model.complete(REQUEST) == ANSWER
    assert len(caplog.records) == 1


async def test_a_file_that_another_has_locked_is_not_waited_for_long(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, counting: Make, caching: Make
) -> None:
    monkeypatch.setattr(cached_model, "_BUSY_SECONDS", 0.05)
    server = counting()
    async with caching(server, tmp_path) as model:
        await model.complete(REQUEST)
        with closing(sqlite3.connect(tmp_path / "answers.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with asyncio.timeout(5):
                assert await model.complete(about(1)) == ANSWER
            assert (await model.complete(REQUEST)).cached, "what is there can still be read"
        assert "OperationalError" in caplog.records[0].getMessage()
