"""The same question is answered once; and whatever befalls the cache, the note is read."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters import cached_model
from medie_fhir.adapters.cached_model import CachedModel, _packed
from medie_fhir.errors import ModelUnavailable
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest, Token
from medie_fhir.settings import ModelSettings, Settings
from medie_fhir.wiring import open_model

SECRET = "Mrs Miller has a melanoma"
REQUEST = ModelRequest([{"role": "user", "content": SECRET}], {"type": "object"}, 99)
ANSWER = ModelAnswer('{"cancer_type": "Ω melanoma"}', "stop", (Token("{", -0.5), Token("Ω", -1e-9)), 7, 3)
SERVED = ModelDescription("base", "medical-ie", "d1g35t", "vllm 1")


class Counting:
    """A model server that counts how often it is asked."""

    def __init__(self, answer: ModelAnswer = ANSWER) -> None:
        self.answer = answer
        self.served = SERVED
        self.asked = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked += 1
        self.meanwhile()
        return self.answer

    async def describe(self) -> ModelDescription:
        return self.served


@asynccontextmanager
async def caching(server: Counting, folder: Path, mebibytes: int = 1) -> AsyncIterator[CachedModel]:
    model = CachedModel(server, folder, mebibytes=mebibytes)
    try:
        yield model
    finally:
        await model.aclose()


def about(n: int) -> ModelRequest:
    return replace(REQUEST, messages=[{"role": "user", "content": f"{SECRET} {n}"}])


async def test_the_same_question_is_asked_once_also_by_the_next_process(tmp_path: Path) -> None:
    server = Counting()
    async with caching(server, tmp_path / "answers") as model:
        assert await model.complete(REQUEST) == ANSWER
        assert await model.complete(REQUEST) == replace(ANSWER, cached=True)
    async with caching(server, tmp_path / "answers") as model:
        assert await model.complete(REQUEST) == replace(ANSWER, cached=True)
    assert server.asked == 1


@given(
    st.builds(
        ModelAnswer,
        text=st.text(st.characters()),
        finish_reason=st.just("stop"),
        tokens=st.lists(st.builds(Token, st.text(), st.floats(max_value=0, allow_nan=False))).map(tuple),
        prompt_tokens=st.integers(0),
        completion_tokens=st.integers(0),
    )
)
def test_an_answer_comes_back_as_it_was(answer: ModelAnswer) -> None:
    assert CachedModel(Counting(), Path("unused"))._unpacked(_packed(answer)) == replace(answer, cached=True)


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, messages=[{"role": "user", "content": SECRET + "."}]),
        replace(REQUEST, messages=[{"role": "system", "content": SECRET}]),
        replace(REQUEST, json_schema={"type": "string"}),
        replace(REQUEST, max_tokens=100),
    ],
)
async def test_another_question_is_asked(tmp_path: Path, other: ModelRequest) -> None:
    server = Counting()
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
    tmp_path: Path, served: ModelDescription
) -> None:
    server = Counting()
    async with caching(server, tmp_path) as model:
        await model.complete(REQUEST)
        server.served = served
        assert not (await model.complete(REQUEST)).cached
        server.served = SERVED
        assert (await model.complete(REQUEST)).cached


async def test_an_answer_during_which_the_model_was_replaced_is_not_kept(tmp_path: Path) -> None:
    server = Counting()
    server.meanwhile = lambda: setattr(server, "served", replace(SERVED, adapter_digest="new"))
    async with caching(server, tmp_path) as model:
        await model.complete(REQUEST)
        for served in (SERVED, replace(SERVED, adapter_digest="new")):
            server.served, server.meanwhile = served, lambda: None
            assert not (await model.complete(REQUEST)).cached


async def test_an_answer_is_given_though_the_server_is_gone_right_after_it(tmp_path: Path) -> None:
    class Leaving(Counting):
        async def describe(self) -> ModelDescription:
            if self.asked:
                raise ModelUnavailable("gone")
            return SERVED

    async with caching(Leaving(), tmp_path) as model:
        assert await model.complete(REQUEST) == ANSWER


async def test_an_answer_that_was_cut_short_is_asked_for_again(tmp_path: Path) -> None:
    server = Counting(replace(ANSWER, finish_reason="length"))
    async with caching(server, tmp_path) as model:
        await model.complete(REQUEST)
        assert not (await model.complete(REQUEST)).cached


async def test_only_its_owner_may_read_it_and_no_name_tells_of_a_note(tmp_path: Path) -> None:
    async with caching(Counting(), tmp_path / "deep" / "answers") as model:
        await model.complete(REQUEST)
        folder = tmp_path / "deep" / "answers"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(files.values()) == {0o600}
    assert set(files) == {"answers.sqlite", "answers.sqlite-wal", "answers.sqlite-shm"}


async def test_the_file_stays_within_its_bound_and_the_oldest_go(tmp_path: Path) -> None:
    server = Counting()
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


async def test_a_damaged_answer_is_asked_for_again_and_replaced(tmp_path: Path) -> None:
    server = Counting()
    async with caching(server, tmp_path) as model:
        await model.complete(REQUEST)
        with closing(sqlite3.connect(tmp_path / "answers.sqlite")) as file, file:
            file.execute("UPDATE answers SET value = x'00'")
        assert not (await model.complete(REQUEST)).cached
        assert (await model.complete(REQUEST)).cached
    assert (server.asked, model.failures) == (2, 1)


async def test_a_file_that_is_none_of_ours_costs_a_line_and_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "answers.sqlite"
    path.write_bytes(b"not a database, and longer than a header of one is" * 100)
    server = Counting()
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
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    async with caching(Counting(), tmp_path / "file" / "answers") as model:
        assert await model.complete(REQUEST) == ANSWER
    assert len(caplog.records) == 1


async def test_a_file_that_another_has_locked_is_not_waited_for_long(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_model, "_BUSY_SECONDS", 0.05)
    server = Counting()
    async with caching(server, tmp_path) as model:
        await model.complete(REQUEST)
        with closing(sqlite3.connect(tmp_path / "answers.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with asyncio.timeout(5):
                assert await model.complete(about(1)) == ANSWER
            assert (await model.complete(REQUEST)).cached, "what is there can still be read"
        assert "OperationalError" in caplog.records[0].getMessage()


FULL_DISK = """
    import asyncio, logging, resource, secrets, sys
    from pathlib import Path
    from medie_fhir.adapters.cached_model import CachedModel
    from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest

    class Server:
        async def complete(self, request):
            return ModelAnswer(secrets.token_hex(20_000), "stop")

        async def describe(self):
            return ModelDescription("base")

    async def main():
        model = CachedModel(Server(), Path(sys.argv[1]))
        def about(n):
            return ModelRequest([{"role": "user", "content": f"SECRET {n}"}], {}, 9)
        first = await model.complete(about(0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        for n in range(1, 40):
            model._rests_until.clear()  # no rest: each answer meets the full disk
            assert len((await model.complete(about(n))).text) == 40_000
        again = await model.complete(about(0))
        assert again.cached and again.text == first.text
        await model.aclose()
        print(model.failures)

    logging.basicConfig(level=logging.INFO)
    asyncio.run(main())
"""


def test_a_full_disk_costs_a_line_and_no_answer(tmp_path: Path) -> None:
    """The limit on a file's size meets SQLite as a disk does on which no byte is left."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5
    (line,) = done.stderr.splitlines()
    assert line.startswith("WARNING:medie_fhir.adapters.cached_model:answers can't be kept")
    assert "SECRET" not in done.stderr


SHARING = """
    import asyncio, logging, sys
    from pathlib import Path
    from medie_fhir.adapters.cached_model import CachedModel
    from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest

    class Server:
        async def complete(self, request):
            return ModelAnswer(request.messages[0]["content"], "stop")

        async def describe(self):
            return ModelDescription("base")

    async def main():
        model = CachedModel(Server(), Path(sys.argv[1]))
        for n in range(100):
            answer = await model.complete(ModelRequest([{"role": "user", "content": f"{n}"}], {}, 9))
            assert answer.text == f"{n}"
        await model.aclose()
        print(model.failures)

    logging.basicConfig(level=logging.INFO)
    sys.stdin.readline()
    asyncio.run(main())
"""


def test_several_processes_share_one_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SHARING), str(tmp_path / "answers")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [subprocess.Popen(command, text=True, **pipes) for _ in range(3)]
    for process in running:  # all at once, once all are there
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60) for process in running]
    assert [(out.strip(), err) for out, err in said] == [("0", "")] * 3
    with closing(sqlite3.connect(tmp_path / "answers" / "answers.sqlite")) as file:
        assert file.execute("SELECT count(*) FROM answers").fetchone() == (100,)
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_it_is_there_where_the_settings_name_a_folder(tmp_path: Path) -> None:
    url = "http://127.0.0.1:1/v1"
    async with open_model(Settings(model=ModelSettings(base_url=url))) as model:
        assert not isinstance(model, CachedModel)
    async with open_model(Settings(model=ModelSettings(base_url=url, cache=tmp_path, cache_mebibytes=7))) as model:
        assert isinstance(model, CachedModel)
        assert model._file._most_bytes == 7 * 1024 * 1024
