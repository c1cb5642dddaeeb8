"""The same question is answered once."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.cached_model import CachedModel, _packed
from medie_fhir.errors import ModelUnavailable
from medie_fhir.model_servers import open_model
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest, Token
from medie_fhir.settings import ModelSettings, Settings

Make = Callable[..., Any]


SECRET = "Mrs Miller has a melanoma"


REQUEST = ModelRequest([{"role": "user", "content": SECRET}], {"type": "object"}, 99)


ANSWER = ModelAnswer('{"cancer_type": "Ω melanoma"}', "stop", (Token("{", -0.5), Token("Ω", -1e-9)), 7, 3)


SERVED = ModelDescription("base", "medical-ie", "d1g35t", "vllm 1")


def about(n: int) -> ModelRequest:
    return replace(REQUEST, messages=[{"role": "user", "content": f"{SECRET} {n}"}])


async def test_the_same_question_is_asked_once_also_by_the_next_process(
    tmp_path: Path, counting: Make, caching: Make
) -> None:
    server = counting()
    async with caching(server, tmp_path / "answers") as model:
        assert await model.complete(REQUEST) == ANSWER
        assert await model.complete(REQUEST) == replace(ANSWER, cached=True)
    async with caching(server, tmp_path / "answers") as model:
        assert await model.complete(REQUEST) == replace(ANSWER, cached=True)
    assert server.asked == 1


@given(
    answer=st.builds(
        ModelAnswer,
        text=st.text(st.characters()),
        finish_reason=st.just("stop"),
        tokens=st.lists(st.builds(Token, st.text(), st.floats(max_value=0, allow_nan=False))).map(tuple),
        prompt_tokens=st.integers(0),
        completion_tokens=st.integers(0),
    )
)
def test_an_answer_comes_back_as_it_was(answer: ModelAnswer, counting: Make) -> None:
    assert CachedModel(counting(), Path("unused"))._unpacked(_packed(answer)) == replace(answer, cached=True)


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, messages=[{"role": "user", "content": SECRET + "."}]),
        replace(REQUEST, messages=[{"role": "system", "content": SECRET}]),
        replace(REQUEST, json_schema={"type": "string"}),
        replace(REQUEST, max_tokens=100),
    ],
)
async def test_another_question_is_asked(tmp_path: Path, other: ModelRequest, counting: Make, caching: Make) -> None:
    server = counting()
    async with caching(server, tmp_path) as model:
        await model.complete(REQUEST)
        assert not (await model.complete(other)).cached
    assert server.asked == 2


@pytest.mark.parametrize(
    "served",
    [
        replace(SERVED, model="other"),
        replace(SERVED, adapter="medical-ie-2"),
        replace(SERVED, adapter_digest="other"),
        replace(SERVED, server="vllm 2"),
    ],
)
async def test_what_another_model_said_is_not_taken_and_comes_back_with_the_first(
    tmp_path: Path, served: ModelDescription, counting: Make, caching: Make
) -> None:
    server = counting()
    async with caching(server, tmp_path) as model:
        await model.complete(REQUEST)
        server.served = served
        assert not (await model.complete(REQUEST)).cached
        server.served = SERVED
        assert (await model.complete(REQUEST)).cached


async def test_an_answer_during_which_the_model_was_replaced_is_not_kept(
    tmp_path: Path, counting: Make, caching: Make
) -> None:
    server = counting()
    server.meanwhile = lambda: setattr(server, "served", replace(SERVED, adapter_digest="new"))
    async with caching(server, tmp_path) as model:
        await model.complete(REQUEST)
        for served in (SERVED, replace(SERVED, adapter_digest="new")):
            server.served, server.meanwhile = served, lambda: None
            assert not (await model.complete(REQUEST)).cached


async def test_an_answer_is_given_though_the_server_is_gone_right_after_it(
    tmp_path: Path, counting: Make, caching: Make
) -> None:
    async def gone() -> ModelDescription:
        raise ModelUnavailable("gone")

    server = counting()
    server.meanwhile = lambda: setattr(server, "describe", gone)
    async with caching(server, tmp_path) as model:
        assert await model.complete(REQUEST) == ANSWER


async def test_an_answer_that_was_cut_short_is_asked_for_again(tmp_path: Path, counting: Make, caching: Make) -> None:
    server = counting(replace(ANSWER, finish_reason="length"))
    async with caching(server, tmp_path) as model:
        await model.complete(REQUEST)
        assert not (await model.complete(REQUEST)).cached


async def test_only_its_owner_may_read_it_and_no_name_tells_of_a_note(
    tmp_path: Path, counting: Make, caching: Make
) -> None:
    async with caching(counting(), tmp_path / "deep" / "answers") as model:
        await model.complete(REQUEST)
        folder = tmp_path / "deep" / "answers"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(files.values()) == {0o600}
    assert set(files) == {"answers.sqlite", "answers.sqlite-wal", "answers.sqlite-shm"}


async def test_the_file_stays_within_its_bound_and_the_oldest_go(tmp_path: Path, counting: Make, caching: Make) -> None:
    server = counting()
    async with caching(server, tmp_path, mebibytes=1) as model:
        for n in range(400):
            server.answer = replace(ANSWER, text=json.dumps({"n": _incompressible(n)}))
            await model.complete(about(n))
        asked = server.asked
        assert (await model.complete(about(399))).cached
        assert not (await model.complete(about(0))).cached
    assert asked == 400
    assert (tmp_path / "answers.sqlite").stat().st_size < 1.2 * 1024 * 1024
    assert model.failures == 0


def _incompressible(n: int) -> str:
    return "".join(chr(0x4E00 + (n * 7919 + i * 104729 + i * i * 31) % 20000) for i in range(2000))


async def test_it_is_there_where_the_settings_name_a_folder(tmp_path: Path) -> None:
    url = "http://127.0.0.1:1/v1"
    async with open_model(Settings(model=ModelSettings(base_url=url))) as model:
        assert not isinstance(model, CachedModel)
    async with open_model(Settings(model=ModelSettings(base_url=url, cache=tmp_path, cache_mebibytes=7))) as model:
        assert isinstance(model, CachedModel)
        assert model._file._most_bytes == 7 * 1024 * 1024
