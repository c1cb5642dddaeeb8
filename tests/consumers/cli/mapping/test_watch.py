"""``mapping watch``: real saves of a real file, seen in what the command says."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import Queue

import pytest

from consumers.cli.mapping.saves import Saves
from medie_fhir.shipped import shipped

PATIENCE_S = 120.0  # the machine may be busy with others


class Watching:
    """The command, and the lines that it says."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip())

    def until(self, word: str) -> list[str]:
        """The lines until one with a word in it; Empty is raised where none comes."""
        lines = [self._lines.get(timeout=PATIENCE_S)]
        while word not in lines[-1]:
            lines.append(self._lines.get(timeout=PATIENCE_S))
        return lines


@contextmanager
def watching(file: Path, *more: str) -> Iterator[Watching]:
    command = [sys.executable, "-c", "from consumers.cli import main; main()", "mapping", "watch", file.name, *more]
    heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # else a runner's background ignores it
    with subprocess.Popen(
        command,
        cwd=file.parent,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=heard,  # noqa: PLW1509 - it does no more than one system call
    ) as process:
        try:
            yield Watching(process)
        finally:
            process.kill()


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(shipped("mappings", "default.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return path


def test_each_save_shows_what_it_changes_or_its_faults_and_ctrl_c_ends_with_0(mine: Path, golden: Path) -> None:
    good = mine.read_text(encoding="utf-8")
    with watching(mine, "--extraction", str(golden / "stage-figo.json")) as told:
        first = told.until("Ctrl-C")
        assert any("'cancer stage'" in line for line in first)

        mine.write_text(good.replace("code: health-concern", "code: problem-list-item"), encoding="utf-8")
        changed = told.until(", changed ")
        assert [line.strip() for line in changed if line[:2] in ("- ", "+ ")] == [
            '-          "code": "health-concern"',
            '+          "code": "problem-list-item"',
        ]
        assert "resources 2, changed 1" in changed[-1]

        mine.write_text(good.replace("version: 1", "version: x", 1), encoding="utf-8")
        assert "mine.yaml" in told.until("faults: 1")[0]

        other = mine.with_suffix(".new")  # as many editors save: another file in its place
        other.write_text(good.replace("field: stage\n", "field: response\n", 1), encoding="utf-8")
        other.replace(mine)
        gone = told.until(", changed ")
        assert "+++ nothing" in gone, "the stage is no longer made"
        assert '+          "code": "health-concern"' in gone, "compared with the last good rendering"
        assert "resources 1, changed 2" in gone[-1]

        told.process.send_signal(signal.SIGINT)
        assert told.process.wait(PATIENCE_S) == 0
        assert told.until("stopped")


def test_a_mapping_that_is_broken_from_the_start_is_waited_for(mine: Path, golden: Path) -> None:
    good = mine.read_text(encoding="utf-8")
    mine.write_text("name: x\n", encoding="utf-8")
    with watching(mine, "--extraction", str(golden / "stage-figo.json"), "--resource", "Observation") as told:
        assert any("version: missing" in line for line in told.until("save it again"))
        mine.write_text(good, encoding="utf-8")
        assert "resources 1" in told.until("Ctrl-C")[0]
        told.process.send_signal(signal.SIGINT)
        assert told.process.wait(PATIENCE_S) == 0


def test_a_save_of_a_sites_rows_shows_what_it_changes_or_its_faults(mine: Path, golden: Path, tmp_path: Path) -> None:
    site, settings = tmp_path / "site", tmp_path / "settings.yaml"
    site.mkdir()
    settings.write_text(f"site_terminology: {site}\n", encoding="utf-8")
    rows = site / "stages.csv"
    good = "concept,role,system,code,display,synonyms,source\nfigo-iiic,code,https://site.example,OURS-1,Ours,,site\n"
    rows.write_text(good, encoding="utf-8")
    with watching(mine, "--extraction", str(golden / "stage-figo.json"), "--config", str(settings)) as told:
        told.until("Ctrl-C")
        rows.write_text("no,table\n", encoding="utf-8")
        assert any("stages.csv" in line for line in told.until("save it again"))
        rows.write_text(good.replace("Ours", "Our own"), encoding="utf-8")
        changed = [line[1:].strip() for line in told.until(", changed ") if line[:2] in ("- ", "+ ")]
        assert changed == ['"display": "Ours"', '"display": "Our own"']
        told.process.send_signal(signal.SIGINT)
        assert told.process.wait(PATIENCE_S) == 0


def test_saves_of_tables_are_told_by_content_and_one_that_is_being_saved_is_waited_for(tmp_path: Path) -> None:
    mapping, tables, site = tmp_path / "mine.yaml", tmp_path / "tables", tmp_path / "site"
    for folder in (tables, site):
        folder.mkdir()
        (folder / "stages.csv").write_text("one", encoding="utf-8")
    mapping.write_text("one", encoding="utf-8")
    saves = Saves(mapping)
    assert saves.happened()
    saves.also(tables, site)
    assert not saves.happened()
    (tables / "stages.csv").touch()
    assert not saves.happened()
    for folder in (tables, site):
        (folder / "stages.csv").write_text("", encoding="utf-8")
        assert not saves.happened(), "an editor has only begun"
        (folder / "stages.csv").write_text("two", encoding="utf-8")
        assert saves.happened()
        assert not saves.happened()
    (site / "stages.csv").unlink()
    assert saves.happened()


def test_a_save_is_another_content_and_not_another_time(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("one", encoding="utf-8")
    saves = Saves(path)
    assert saves.happened()
    path.touch()
    assert not saves.happened()
    path.write_text("", encoding="utf-8")
    assert not saves.happened(), "an editor has only begun"
    path.unlink()
    assert not saves.happened()
    path.write_text("two", encoding="utf-8")
    assert saves.happened()
    assert not saves.happened()


@pytest.mark.parametrize("missing", [True, False])
def test_a_file_that_stays_missing_or_empty_is_told_once(tmp_path: Path, missing: bool) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("one", encoding="utf-8")
    saves, told = Saves(path), []
    assert saves.happened()
    path.unlink() if missing else path.write_text("", encoding="utf-8")

    async def watched() -> None:
        def gone() -> None:
            told.append(path)
            path.write_text("two", encoding="utf-8")

        await asyncio.wait_for(saves.next(gone), PATIENCE_S)

    asyncio.run(watched())
    assert told == [path]
