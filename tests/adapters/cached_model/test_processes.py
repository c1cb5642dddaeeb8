"""A cache on a full disk, and one that several processes share."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from medie_fhir.ports import ModelRequest

SECRET = "Mrs Miller has a melanoma"


REQUEST = ModelRequest([{"role": "user", "content": SECRET}], {"type": "object"}, 99)


def about(n: int) -> ModelRequest:
    return replace(REQUEST, messages=[{"role": "user", "content": f"{SECRET} {n}"}])


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
